package launch

import (
	"berth/internal/config"
	"berth/internal/fault"
	"berth/internal/image"
)

// Kept gives the plan that a sandbox was made from, without the values of its secrets.
func (l *Launcher) Kept(name string) (*Plan, error) { return l.storedPlan(name) }

// imageRef gives the reference that the settings mean, refused when no image can have that name.
func (l *Launcher) imageRef(s *config.Settings) (string, error) {
	ref := ImageRef(s, l.Names)
	if _, err := image.Reference(ref); err != nil {
		return "", fault.New(fault.Usage, "write name:tag, such as acme/agent:1", "%s: %q: not the name of an image", s.Source("image"), ref)
	}
	return ref, nil
}
