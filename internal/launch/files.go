package launch

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/internal/agentserver"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/sandbox"
)

// dir is the folder of what is generated for one sandbox: what is mounted into it, and its plan.
func (l *Launcher) dir(name string) string {
	return filepath.Join(l.Store.Places().State, "sandboxes", name)
}

const (
	planFile         = "plan.json"
	certificatesFile = "ca.pem"
)

// writeFiles makes what berth mounts into a sandbox: the user database with the agent in it, the server's
// configuration, and berth's own program. All of it can be made again, and is, at every start.
func (l *Launcher) writeFiles(ctx context.Context, p *Plan) error {
	files := map[string][]byte{"agent-server.json": []byte(agentserver.ConfigContent)}
	if p.mountsUsers() {
		users, err := l.imageFiles(ctx, p, "/etc/passwd", "/etc/group")
		if err != nil {
			return err
		}
		files["passwd"] = passwdWith(users["/etc/passwd"], p.User.UID, p.User.GID)
		files["group"] = groupWith(users["/etc/group"], p.User.GID)
	}
	if pem, by := host.Certificates(l.Host.Env, os.ReadFile); p.Trusts != "" && by != "" { // else what is there stays
		files[certificatesFile] = pem
	}
	for name, content := range files {
		if err := replaceFile(filepath.Join(p.Dir, name), content, 0o444); err != nil {
			return err
		}
	}
	if p.Run != "" {
		if err := os.MkdirAll(p.Run, 0o711); err != nil { // the folder may have gone with the user's last session
			return fault.New(fault.Failure, "", "%s: %w", p.Run, err)
		}
	}
	_, err := l.Unpack(p.Arch)
	return err
}

// mountsUsers tells whether the sandbox has a user database of berth's.
func (p *Plan) mountsUsers() bool {
	return slices.ContainsFunc(p.Spec.Mounts, func(m sandbox.Mount) bool { return m.Target == "/etc/passwd" })
}

// imageFiles reads files of the plan's image, which takes a throw-away container once; images do not change, so what
// was read is kept.
func (l *Launcher) imageFiles(ctx context.Context, p *Plan, paths ...string) (map[string][]byte, error) {
	kept := filepath.Join(l.Store.Places().Cache, "image-files", strings.TrimPrefix(p.Spec.Image.ID, "sha256:")+".json")
	files := map[string][]byte{}
	if text, err := os.ReadFile(kept); err == nil && json.Unmarshal(text, &files) == nil {
		return files, nil
	}
	files, err := l.Runtime.ImageFiles(ctx, p.Spec.Image.ID, p.Spec.Labels, paths...)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(files)
	if err != nil {
		return nil, err
	}
	return files, replaceFile(kept, text, 0o600)
}

// savePlan keeps a plan for audits and restarts; it holds no secret value.
func (l *Launcher) savePlan(p *Plan) error {
	kept := *p
	kept.Spec.Env = nil
	for _, v := range p.Spec.Env {
		if v.Secret {
			v.Value = ""
		}
		kept.Spec.Env = append(kept.Spec.Env, v)
	}
	text, err := json.Marshal(kept)
	if err != nil {
		panic(err) // a plan holds nothing that JSON cannot say
	}
	return replaceFile(filepath.Join(p.Dir, planFile), text, 0o600)
}

// amendPlan changes what is kept of a launch's plan. The plan that runs may be only its end, at a restart.
func (r *run) amendPlan(change func(*Plan)) error {
	kept, err := r.storedPlan(r.plan.Spec.Name)
	if err != nil {
		return err
	}
	change(kept)
	return r.savePlan(kept)
}

// storedPlan reads the plan that a sandbox was made from.
func (l *Launcher) storedPlan(name string) (*Plan, error) {
	path := filepath.Join(l.dir(name), planFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Failure, "berth up --recreate", "%s: its plan is gone: %w", name, err)
	}
	var p Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fault.New(fault.Failure, "berth up --recreate", "%s: its plan cannot be read: %w", name, err)
	}
	return &p, nil
}

// replaceFile writes a file aside and renames it: whoever reads sees the old one or the new one. A file that has the
// content already keeps its inode, which a running sandbox may have mounted.
func replaceFile(path string, content []byte, mode fs.FileMode) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return notWritten(path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return notWritten(path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return notWritten(path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

func notWritten(path string, err error) error {
	return fault.New(fault.Failure, "make room there, or set XDG_STATE_HOME and XDG_CACHE_HOME to folders you may write", "%s: %w", path, err)
}

// ours tells whether o is this user's sandbox.
func (l *Launcher) ours(o sandbox.Observed) bool {
	return o.Spec.Labels[sandbox.LabelOwner] == l.Store.Owner()
}
