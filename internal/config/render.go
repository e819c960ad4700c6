package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"berth/internal/egress"
	"berth/internal/secret"
)

// Example gives config.example.toml: every key with its help, its default and a value, commented out.
func Example() string {
	var b strings.Builder
	b.WriteString("# Every key of berth's configuration, made from the table in internal/config by go test -update.\n" +
		"# Copy what you need to ~/.config/berth/config.toml, or to .berth.toml in a project.\n")
	for _, key := range Keys {
		section(&b, key, "\n# == %s ==\n")
		if key.Name == "images" {
			break
		}
		fmt.Fprintf(&b, "\n# %s\n# default: %s\n", key.Help, key.defaultText())
		if where := key.elsewhere(); where != "" {
			fmt.Fprintf(&b, "# also: %s\n", where)
		}
		fmt.Fprintf(&b, "# in a project file: %s\n#%s = %s\n", key.projectText(), key.Name, key.exampleText())
	}
	b.WriteString("\n# image profiles, one table a name; in a project file: after berth trust, where not said otherwise\n#[images.dev]\n")
	for _, key := range ImageKeys {
		fmt.Fprintf(&b, "# %s%s\n#%s = %s\n", key.Help, map[bool]string{true: " (never in a project file)"}[key.Widens == Never], key.Name, key.Example)
	}
	return b.String()
}

func section(b *strings.Builder, key Key, form string) {
	if key.Section != "" {
		fmt.Fprintf(b, form, key.Section)
	}
}

func (k Key) defaultText() string {
	if k.Default != "" {
		return k.Default
	}
	return k.Unset
}

func (k Key) exampleText() string {
	if k.Example != "" {
		return k.Example
	}
	return k.Default
}

// elsewhere lists the variables and the flag that set the key, the weakest last.
func (k Key) elsewhere() string {
	var parts []string
	if k.Flag != "" && k.Adds {
		parts = append(parts, k.Flag+" (adds)")
	} else if k.Flag != "" {
		parts = append(parts, k.Flag)
	}
	if v := k.Variable(); v != "" {
		parts = append(parts, v)
	}
	return strings.Join(append(parts, k.Others...), ", ")
}

func (k Key) projectText() string {
	text := map[InProject]string{No: "yes", When: "after berth trust, when it widens", Never: "never"}[k.Widens]
	if k.Note == "" {
		return text
	}
	return text + " (" + k.Note + ")"
}

// typeName says how a value of a field is written.
func typeName(field any) string {
	switch field.(type) {
	case *string:
		return "string"
	case *[]string, *[]egress.Target:
		return "list of strings"
	case *bool:
		return "true or false"
	case *int:
		return "whole number"
	case *uint16:
		return "port"
	case *[]uint16:
		return "list of ports"
	case *float64:
		return "number"
	case *Size:
		return "size"
	case *time.Duration:
		return "time"
	case *netip.Prefix:
		return "IPv4 range"
	case *User:
		return "host, image or uid:gid"
	case *Egress:
		return "word or list"
	case *map[string]string, *map[string]secret.String:
		return "table of strings"
	case *[]VolumeText:
		return "string or list"
	case *[]Mount, *[]Sidecar, *[]map[string]any:
		return "tables"
	case *map[string]*ImageProfile:
		return "tables by name"
	}
	panic(fmt.Sprintf("no name for %T", field))
}

func (k Key) typeText() string {
	if len(k.Choices) > 0 {
		return strings.Join(splitList(strings.Join(k.Choices, ",")), ", ")
	}
	return typeName(k.field(&Settings{}))
}

const documentHead = `# Configuration

Made from the table of keys in ` + "`internal/config`" + ` by ` + "`go test ./internal/config -update`" + `; do not edit it by hand.

Every key has a default and can be set in five places. The later wins:

1. the default
2. your file: ` + "`$XDG_CONFIG_HOME/berth/config.toml`, else `~/.config/berth/config.toml`, or `--config FILE`" + `
3. the project's file: ` + "`.berth.toml`" + ` in the current folder
4. the environment: ` + "`WORKSPACE_*`, then `SANDBOX_*`, then `BERTH_*`" + `
5. flags

` + "`berth config show --origin`" + ` tells for every value where it came from: file, line and column, variable, or flag.
A mistake stops berth with exit code 2 and shows the line.

The variable of a key is ` + "`BERTH_`" + ` and its name in capitals, with ` + "`_`" + ` for a dot (` + "`links.port`: `BERTH_LINKS_PORT`" + `);
lists are separated by commas. Sizes are written ` + "`512MiB`, `4GiB`, `20GB`" + ` (one letter is read as docker does: ` + "`4g`" + ` is
4 GiB), times ` + "`90s`, `2m`" + `; a bare number is bytes or seconds. Paths may begin with ` + "`~`" + `; relative ones start from the
folder of the file they stand in, from the current folder in variables and flags.

The project's file comes with the project, so it counts as a stranger's. What makes the sandbox narrower it may always
say. What gives it more (the last column: *after berth trust*) holds only once you have looked at it with
` + "`berth trust`" + `, and only for the file as it was then. *Never* is an error there, trusted or not.
`

// Document gives docs/configuration.md.
func Document() string {
	var b strings.Builder
	b.WriteString(documentHead)
	for _, key := range Keys {
		section(&b, key, "\n## %s\n\n| key | type | default | also | in a project file | meaning |\n|---|---|---|---|---|---|\n")
		row(&b, "`"+key.Name+"`", key.typeText(), key.defaultText(), key.elsewhere(), key.projectText(), key.Help)
	}
	b.WriteString("\n### Keys below `[images.NAME]`\n\n| key | type | in a project file | meaning |\n|---|---|---|---|\n")
	for _, key := range ImageKeys {
		row(&b, "`"+key.Name+"`", typeName(key.field(&ImageProfile{})), map[bool]string{true: "never", false: "after berth trust"}[key.Widens == Never], key.Help)
	}
	b.WriteString("\n## Variables of OpenHands and docker\n\n" +
		"`berth env` lists those that are set, and what they do. A name that berth does not know gets a suggestion.\n\n" +
		"| variable | here | key | |\n|---|---|---|---|\n")
	for _, v := range EnvTable {
		row(&b, "`"+v.Name+"`", string(v.Effect), v.Key, v.Why)
	}
	row(&b, "`"+envPrefix+"NAME`", string(Honoured), "env", "the variable NAME inside")
	return b.String()
}

func row(b *strings.Builder, cells ...string) {
	for _, cell := range cells {
		b.WriteString("| " + strings.ReplaceAll(cell, "|", "\\|") + " ")
	}
	b.WriteString("|\n")
}

// Man gives the roff source of berth-config(5), for the version that is built.
func Man(version string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH BERTH-CONFIG 5 \"\" \"berth %s\" \"berth\"\n.SH NAME\nberth-config \\- the keys of berth's configuration\n", roff(version))
	b.WriteString(".SH FILES\n.TP\n$XDG_CONFIG_HOME/berth/config.toml\nyours\n.TP\n\\&.berth.toml\nthe project's, in the current folder\n")
	for _, key := range Keys {
		section(&b, key, ".SH %s\n")
		fmt.Fprintf(&b, ".TP\n.B %s\n%s. Type: %s. Default: %s.", roff(key.Name), roff(key.Help), roff(key.typeText()), roff(key.defaultText()))
		if where := key.elsewhere(); where != "" {
			fmt.Fprintf(&b, " Also: %s.", roff(where))
		}
		fmt.Fprintf(&b, " In a project file: %s.\n", roff(key.projectText()))
	}
	for _, key := range ImageKeys {
		fmt.Fprintf(&b, ".TP\n.B images.NAME.%s\n%s.\n", roff(key.Name), roff(key.Help))
	}
	return b.String()
}

func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}
