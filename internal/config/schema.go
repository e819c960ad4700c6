package config

import (
	"encoding/json"
	"strings"
	"time"

	"berth/internal/egress"
	"berth/internal/secret"
)

// Schema gives the JSON schema of the configuration files.
func Schema() []byte {
	root := object()
	for _, key := range Keys {
		put(root, key.Name, describeKey(key))
	}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "berth configuration"
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of strings
	}
	return append(text, '\n')
}

type schema = map[string]any

func object() schema {
	return schema{"type": "object", "additionalProperties": false, "properties": schema{}}
}

// put places a schema at a dotted name, making the tables on the way.
func put(root schema, name string, s schema) {
	head, rest, more := strings.Cut(name, ".")
	properties := root["properties"].(schema)
	if !more {
		properties[head] = s
		return
	}
	if properties[head] == nil {
		properties[head] = object()
	}
	put(properties[head].(schema), rest, s)
}

func describeKey(key Key) schema {
	s := schemaOf(key.field(&Settings{}))
	s["description"] = key.Help + "; in a project file: " + key.projectText()
	if len(key.Choices) > 0 {
		s["enum"] = key.Choices
	}
	if doc, err := parseDocument("default", "x = "+key.Default); err == nil {
		s["default"] = doc.root.kids["x"].value
	}
	return s
}

func schemaOf(field any) schema {
	text, texts := schema{"type": "string"}, schema{"type": "array", "items": schema{"type": "string"}}
	port := schema{"type": "integer", "minimum": 1, "maximum": 65535}
	switch field.(type) {
	case *[]string, *[]egress.Target:
		return texts
	case *bool:
		return schema{"type": "boolean"}
	case *int:
		return schema{"type": "integer", "minimum": 1}
	case *uint16:
		return port
	case *[]uint16:
		return schema{"type": "array", "items": port}
	case *float64:
		return schema{"type": "number", "exclusiveMinimum": 0}
	case *Size, *time.Duration:
		return schema{"type": []string{"string", "integer"}}
	case *Egress, *[]VolumeText:
		return schema{"anyOf": []schema{text, texts}}
	case *map[string]string, *map[string]secret.String:
		return schema{"type": "object", "additionalProperties": text}
	case *[]Mount:
		return rows(schema{"source": text, "target": text, "mode": schema{"anyOf": []schema{text, texts}}}, "source", "target")
	case *[]Sidecar:
		return rows(schema{"network": text, "host": text, "port": port}, "network", "host", "port")
	case *[]map[string]any:
		return schema{"type": "array", "items": schema{"type": "object"}}
	case *map[string]*ImageProfile:
		profile := object()
		for _, key := range ImageKeys {
			s := schemaOf(key.field(&ImageProfile{}))
			s["description"] = key.Help
			put(profile, key.Name, s)
		}
		return schema{"type": "object", "additionalProperties": profile}
	}
	return schema{"type": "string"}
}

func rows(properties schema, required ...string) schema {
	return schema{"type": "array", "items": schema{"type": "object", "additionalProperties": false, "properties": properties, "required": required}}
}
