package config

import "berth/internal/fault"

// flags applies the flags in the order given. A flag of a key that adds, adds each of its values, unless it
// stands instead of what was said before.
func (l *loader) flags() error {
	for _, f := range l.in.Flags {
		key := keyNamed(f.Key)
		if key == nil {
			return fault.New(fault.Usage, "", "%s: no key %q", f.Name, f.Key)
		}
		if len(f.Values) > 1 && !key.Adds {
			return fault.New(fault.Usage, "say it once", "%s: given %d times", f.Name, len(f.Values))
		}
		for _, text := range f.Values {
			source := Source{Kind: FromFlag, Name: f.Name}
			if err := l.setText(key, text, source, key.Adds && !f.Replaces); err != nil {
				return err
			}
		}
	}
	return nil
}
