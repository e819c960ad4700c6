package sandbox

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
)

// Difference is one field in which two specs are not the same.
type Difference struct {
	Field string // "Limits.Pids"
	Want  string
	Have  string
}

// String gives "Limits.Pids: 1024 is now 64".
func (d Difference) String() string { return fmt.Sprintf("%s: %s is now %s", d.Field, d.Want, d.Have) }

// Diff lists the fields in which have differs from want, in the order of Spec. Env is left out, since the image adds
// to it, and so are Labels, which name one launch.
func Diff(want, have Spec) []Difference {
	want, have = want.Normalise(), have.Normalise()
	want.Env, have.Env, want.Labels, have.Labels = nil, nil, nil, nil
	return diffValues("", reflect.ValueOf(want), reflect.ValueOf(have))
}

func diffValues(path string, want, have reflect.Value) []Difference {
	if want.Kind() != reflect.Struct || want.Type().PkgPath() != reflect.TypeFor[Spec]().PkgPath() {
		return diffLeaf(path, want.Interface(), have.Interface())
	}
	var out []Difference
	for i := range want.NumField() {
		field := want.Type().Field(i)
		name := strings.TrimPrefix(path+"."+field.Name, ".")
		if field.Anonymous {
			name = path
		}
		out = append(out, diffValues(name, want.Field(i), have.Field(i))...)
	}
	return out
}

func diffLeaf(path string, want, have any) []Difference {
	if reflect.DeepEqual(want, have) {
		return nil
	}
	return []Difference{{Field: path, Want: brief(want), Have: brief(have)}}
}

// brief keeps a value short enough for a line; a long text, such as a seccomp profile, becomes its hash.
func brief(v any) string {
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && !p.IsNil() {
		v = p.Elem().Interface()
	}
	text := fmt.Sprintf("%v", v)
	switch {
	case text == "":
		return `""`
	case len(text) > 120:
		return fmt.Sprintf("sha256:%.12x", sha256.Sum256([]byte(text)))
	}
	return text
}
