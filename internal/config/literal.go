package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"
)

// parseObject reads a flat JSON object or a Python dict of texts, numbers and truth values: OpenHands takes either.
func parseObject(text string) (map[string]any, error) {
	p := &literal{rest: strings.TrimSpace(text)}
	if !p.take("{") {
		return nil, errNoObject
	}
	out := map[string]any{}
	for !p.take("}") {
		name, err := p.quoted()
		if err != nil || !p.take(":") {
			return nil, errNoObject
		}
		if out[name], err = p.value(); err != nil {
			return nil, err
		}
		if !p.take(",") && !strings.HasPrefix(p.rest, "}") {
			return nil, errNoObject
		}
	}
	if p.rest != "" {
		return nil, errNoObject
	}
	return out, nil
}

var errNoObject = errors.New("not an object")

// literal is a text being read from the left.
type literal struct{ rest string }

func (p *literal) take(sign string) bool {
	rest, ok := strings.CutPrefix(p.rest, sign)
	if ok {
		p.rest = strings.TrimSpace(rest)
	}
	return ok
}

func (p *literal) value() (any, error) {
	if p.rest == "" {
		return nil, errNoObject
	}
	if p.rest[0] == '"' || p.rest[0] == '\'' {
		return p.quoted()
	}
	end := strings.IndexAny(p.rest, ",}")
	if end < 0 {
		return nil, errNoObject
	}
	word := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	switch strings.ToLower(word) {
	case "true", "false":
		return strings.ToLower(word) == "true", nil
	}
	if i, err := strconv.ParseInt(word, 10, 64); err == nil {
		return i, nil
	}
	if f, err := strconv.ParseFloat(word, 64); err == nil {
		return f, nil
	}
	return nil, errNoObject
}

func (p *literal) quoted() (string, error) {
	if p.rest == "" || p.rest[0] != '"' && p.rest[0] != '\'' {
		return "", errNoObject
	}
	quote := p.rest[0]
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			i++
		case quote:
			body := p.rest[1:i]
			p.rest = strings.TrimSpace(p.rest[i+1:])
			return unquote(body, quote)
		}
	}
	return "", errNoObject
}

func unquote(body string, quote byte) (string, error) {
	if quote == '\'' {
		body = strings.ReplaceAll(strings.ReplaceAll(body, `\'`, `'`), `"`, `\"`)
	}
	s, err := strconv.Unquote(`"` + strings.ReplaceAll(body, `\/`, "/") + `"`)
	if err != nil {
		return "", errNoObject
	}
	return s, nil
}

// kwargs are the arguments of docker-py that have a key here.
var kwargs = map[string]string{"mem_limit": "memory", "nano_cpus": "cpus", "shm_size": "shm_size", "pids_limit": "pids"}

func takeKwargs(l *loader, v Variable, text string) error {
	name := v.Name
	values, err := parseObject(text)
	if err != nil {
		return badText(name, text, `a JSON object such as {"mem_limit": "4g"}`)
	}
	for _, arg := range slices.Sorted(maps.Keys(values)) {
		key, ok := kwargs[arg]
		if !ok {
			return fault.New(fault.Usage, "take it out of "+name,
				"%s: %q: raw engine arguments are not passed on; only mem_limit, nano_cpus, shm_size and pids_limit are translated", name, arg)
		}
		value := fmt.Sprint(values[arg])
		if nano, ok := values[arg].(int64); ok && arg == "nano_cpus" {
			value = strconv.FormatFloat(float64(nano)/1e9, 'f', -1, 64)
		}
		source := Source{Kind: FromEnv, Name: name}
		if err := l.setText(keyNamed(key), value, source, false); err != nil {
			return fault.New(fault.Usage, "", "%s: %s: %w", name, arg, errors.Unwrap(err))
		}
	}
	return nil
}
