package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

const (
	frameHead  = 8       // of stdcopy: stream, three zeros, length (4)
	keptErrors = 4 << 10 // the last bytes of standard error
)

// Stream starts a command in a running container and gives its standard input and output for as long as it runs; of
// x only the command, user, folder and environment count. ctx bounds the start alone. Close ends a Read and the
// command's input, by which the command must end: the engine cannot kill an exec. CloseWrite ends the input only.
// What the command wrote to standard error, or why it did not run, is in the error of the Read at its end.
func (e *Engine) Stream(ctx context.Context, id string, x sandbox.Exec) (io.ReadWriteCloser, error) {
	made, err := e.docker.ContainerExecCreate(ctx, id, container.ExecOptions{
		User: x.User, WorkingDir: x.Dir, Env: x.Env, Cmd: x.Command,
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return nil, e.explain(e.called(ctx, id), err)
	}
	conn, err := e.docker.ContainerExecAttach(ctx, made.ID, container.ExecStartOptions{})
	if err != nil {
		_, err = e.refused(ctx, id, err)
		return nil, err
	}
	return &execStream{conn: conn, name: strings.Join(x.Command[:min(2, len(x.Command))], " ")}, nil
}

// execStream is a running command's standard input and output. Reads are for one goroutine.
type execStream struct {
	conn types.HijackedResponse
	name string // of the command, for errors
	once sync.Once

	head [frameHead]byte
	have int    // bytes of head seen
	left uint32 // bytes of the frame's payload still to come
	errs []byte // the last of standard error
	runs bool   // the command's own output has begun
}

// Write writes to the command's standard input.
func (s *execStream) Write(p []byte) (int, error) { return s.conn.Conn.Write(p) }

// CloseWrite ends the command's standard input.
func (s *execStream) CloseWrite() error { return s.conn.CloseWrite() }

// Close ends both.
func (s *execStream) Close() error {
	s.once.Do(s.conn.Close)
	return nil
}

// Read reads the command's standard output. The engine's frames are taken out of p where they were read to.
func (s *execStream) Read(p []byte) (int, error) {
	for len(p) > 0 {
		n, err := s.conn.Reader.Read(p)
		n, bad := s.strip(p[:n])
		if err == nil {
			err = bad
		}
		if errors.Is(err, io.EOF) {
			err = s.why()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

// strip moves the payloads of standard output in p to its front, and gives their length.
func (s *execStream) strip(p []byte) (int, error) {
	kept := 0
	for rest := p; len(rest) > 0; {
		if s.left == 0 {
			took := copy(s.head[s.have:], rest)
			s.have += took
			rest = rest[took:]
			if s.have < frameHead {
				break
			}
			s.have, s.left = 0, binary.BigEndian.Uint32(s.head[4:])
			continue
		}
		piece := rest[:min(len(rest), int(s.left))]
		rest, s.left = rest[len(piece):], s.left-uint32(len(piece))
		switch stdcopy.StdType(s.head[0]) {
		case stdcopy.Stdout:
			if refusal := s.refusal(piece); refusal != nil {
				return kept, refusal
			}
			kept += copy(p[kept:], piece)
		case stdcopy.Stderr:
			s.errs = append(s.errs, piece...)
			s.errs = s.errs[max(0, len(s.errs)-keptErrors):]
		default:
			return kept, fmt.Errorf("%s: the engine sends stream %d, which is none", s.name, s.head[0])
		}
	}
	return kept, nil
}

// refusal tells what the engine says in place of the command's output, in one piece. Nothing else comes then.
func (s *execStream) refusal(first []byte) error {
	if s.runs {
		return nil
	}
	s.runs = true
	if !slices.ContainsFunc(refusals, func(r string) bool { return bytes.HasPrefix(first, []byte(r)) }) {
		return nil
	}
	return understood(s.name, errors.New(string(first)))
}

// why is the end of the output: EOF, or what standard error said.
func (s *execStream) why() error {
	said := strings.TrimSpace(string(s.errs))
	if said == "" {
		return io.EOF
	}
	last := said[strings.LastIndexByte(said, '\n')+1:]
	return fault.New(fault.Failure, "", "%s: %s", s.name, words(last))
}
