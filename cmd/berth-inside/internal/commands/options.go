package commands

import "strings"

// options are what getopt found: letters, with the values of those that take one.
type options map[byte][]string

func (o options) has(letter byte) bool { return len(o[letter]) > 0 }

// last gives the value given last, or "".
func (o options) last(letter byte) string {
	if values := o[letter]; len(values) > 0 {
		return values[len(values)-1]
	}
	return ""
}

// getopt reads a command's words by a spec like "rfo: recursive=r output=o": letters, ":" after those that take a value, then long names (one without a letter of its own has a digit: "include=1:"). Options may stand anywhere before "--"; with a leading "+" only before the first operand.
func (p *Proc) getopt(spec string) (options, []string, bool) {
	words := strings.Fields(spec)
	if len(words) == 0 {
		words = []string{""}
	}
	letters, first := strings.CutPrefix(words[0], "+")
	found, rest := options{}, []string{}
	args := p.Args
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return found, append(rest, args...), true
		case strings.HasPrefix(arg, "--"):
			var ok bool
			if args, ok = p.longOption(found, words[1:], letters, arg[2:], args); !ok {
				return nil, nil, false
			}
		case len(arg) > 1 && arg[0] == '-':
			var ok bool
			if args, ok = p.shortOptions(found, letters, arg[1:], args); !ok {
				return nil, nil, false
			}
		case first:
			return found, append(append(rest, arg), args...), true
		default:
			rest = append(rest, arg)
		}
	}
	return found, rest, true
}

func (p *Proc) shortOptions(found options, letters, group string, args []string) ([]string, bool) {
	for i := 0; i < len(group); i++ {
		letter := group[i]
		at := strings.IndexByte(letters, letter)
		if at < 0 || letter == ':' {
			p.usage("invalid option -- '%c'", letter)
			return nil, false
		}
		if at+1 == len(letters) || letters[at+1] != ':' {
			found[letter] = append(found[letter], "")
			continue
		}
		if i+1 < len(group) {
			found[letter] = append(found[letter], group[i+1:])
			return args, true
		}
		if len(args) == 0 {
			p.usage("option requires an argument -- '%c'", letter)
			return nil, false
		}
		found[letter] = append(found[letter], args[0])
		return args[1:], true
	}
	return args, true
}

func (p *Proc) longOption(found options, names []string, letters, given string, args []string) ([]string, bool) {
	name, value, hasValue := strings.Cut(given, "=")
	for _, known := range names {
		long, letter, _ := strings.Cut(known, "=")
		if long != name {
			continue
		}
		at := strings.IndexByte(letters, letter[0])
		takes := at >= 0 && at+1 < len(letters) && letters[at+1] == ':' || strings.HasSuffix(letter, ":")
		if takes && !hasValue {
			if len(args) == 0 {
				p.usage("option '--%s' requires an argument", name)
				return nil, false
			}
			value, args = args[0], args[1:]
		}
		found[letter[0]] = append(found[letter[0]], value)
		return args, true
	}
	p.usage("unrecognized option '--%s'", name)
	return nil, false
}
