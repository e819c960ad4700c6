package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"
	"berth/internal/secret"
)

// refuse is the fault of a variable whose wish berth does not grant.
func refuse(v Variable, text string) error {
	return fault.New(fault.Usage, "unset "+v.Name, "%s=%s: %s", v.Name, text, v.Why)
}

func badText(name, text, want string) error {
	return fault.New(fault.Usage, "", "%s: want %s, not %q", name, want, text)
}

func plain(l *loader, v Variable, text string) error {
	return l.setText(keyNamed(v.Key), text, Source{Kind: FromEnv, Name: v.Name}, false)
}

func keepWorkspace(l *loader, v Variable, text string) error {
	if l.s.Workspace == nil {
		l.s.Workspace = map[string]string{}
	}
	l.s.Workspace[v.Name] = text
	if _, set := l.in.Environ["SANDBOX_VOLUMES"]; !set && (v.Name == "WORKSPACE_BASE" || v.Name == "WORKSPACE_MOUNT_PATH") {
		l.s.Volumes, l.s.Mounts = nil, nil
		l.s.sources["volumes"] = Source{Kind: FromEnv, Name: v.Name}
	}
	return nil
}

func takeIDs(l *loader, v Variable, text string) error {
	id, err := parseID(text)
	if err != nil {
		return badText(v.Name, text, "a number")
	}
	u := l.s.User
	if u.Mode != "ids" || l.s.Source("user").Kind != FromEnv {
		u = User{Mode: "ids", UID: -1, GID: -1}
	}
	if v.Name == "SANDBOX_USER_ID" {
		u.UID = id
	} else {
		u.GID = id
	}
	l.s.User, l.s.sources["user"] = u, Source{Kind: FromEnv, Name: v.Name}
	return nil
}

func takeBaseImage(l *loader, v Variable, text string) error {
	if l.in.Environ["SANDBOX_RUNTIME_CONTAINER_IMAGE"] != "" {
		l.notice("%s does nothing here: SANDBOX_RUNTIME_CONTAINER_IMAGE is set as well and wins", v.Name)
		return nil
	}
	l.notice("%s is %s", v.Name, v.Why)
	return plain(l, v, text)
}

func takeStartupEnv(l *loader, v Variable, text string) error {
	values, err := parseObject(text)
	if err != nil {
		// The text is not repeated: it may hold keys.
		return fault.New(fault.Usage, "", `%s: want a JSON object such as {"NAME": "value"}`, v.Name)
	}
	for _, variable := range slices.Sorted(maps.Keys(values)) {
		value, ok := values[variable].(string)
		if !ok {
			value = strings.TrimSpace(fmt.Sprint(values[variable]))
		}
		l.setEnv(variable, value, v.Name)
	}
	return nil
}

func (l *loader) setEnv(variable, value, from string) {
	env := maps.Clone(l.s.Env)
	if env == nil {
		env = map[string]secret.String{}
	}
	env[variable] = secret.New(value)
	l.s.Env = env
	l.s.sources["env"] = Source{Kind: FromEnv, Name: from}
	l.s.sources["env."+variable] = Source{Kind: FromEnv, Name: from}
}

func takeCodePort(l *loader, v Variable, text string) error {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port < 2 || port > 65534 {
		return badText(v.Name, text, "a port from 2 to 65534")
	}
	return l.setText(keyNamed("links.port"), strconv.FormatUint(port-1, 10), Source{Kind: FromEnv, Name: v.Name}, false)
}

func takeSeconds(l *loader, v Variable, text string) error {
	if n, err := strconv.ParseInt(text, 10, 32); err != nil || n < 1 {
		return badText(v.Name, text, "a number of seconds")
	}
	return plain(l, v, text)
}

func takeKeepAlive(l *loader, v Variable, text string) error {
	keep, ok := parseBool(text)
	if !ok {
		return badText(v.Name, text, "true or false")
	}
	value := "stop"
	if keep {
		value = "leave"
	}
	return l.setText(keyNamed("on_quit"), value, Source{Kind: FromEnv, Name: v.Name}, false)
}

func refuseTrue(_ *loader, v Variable, text string) error {
	if on, ok := parseBool(text); ok && !on {
		return nil
	}
	return refuse(v, text)
}

func refuseAddress(_ *loader, v Variable, text string) error {
	if text == "127.0.0.1" || text == "::1" || text == "localhost" {
		return nil
	}
	return refuse(v, text)
}
