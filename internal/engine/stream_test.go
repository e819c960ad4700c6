package engine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/pkg/stdcopy"

	"berth/internal/sandbox"
)

// stream starts one of the tool's commands in a running sandbox.
func (s suite) stream(t *testing.T, id string, command ...string) io.ReadWriteCloser {
	t.Helper()
	stream, err := s.Stream(t.Context(), id, sandbox.Exec{User: "65533:65533", Command: command})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stream.Close() })
	return stream
}

func streamStaysOpen(t *testing.T, s suite) {
	id := s.up(t, s.spec("stream"))
	t.Run("what is written comes back, many times, every byte of it", func(t *testing.T) {
		stream := s.stream(t, id, "/tool", "cat")
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for range 3 {
			for _, sent := range [][]byte{every, bytes.Repeat(every, 1000)} {
				go stream.Write(sent)
				got := make([]byte, len(sent))
				if _, err := io.ReadFull(stream, got); err != nil || !bytes.Equal(got, sent) {
					t.Fatalf("of %d bytes the first %.20x came back, %v", len(sent), got, err)
				}
			}
		}
	})
	t.Run("the end of the input is the command's to answer", func(t *testing.T) {
		stream := s.stream(t, id, "/tool", "cat")
		io.WriteString(stream, "last words")
		if err := stream.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(stream); string(got) != "last words" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("Close ends a Read", func(t *testing.T) {
		stream := s.stream(t, id, "/tool", "cat")
		ended := make(chan error, 1)
		go func() {
			_, err := stream.Read(make([]byte, 1))
			ended <- err
		}()
		stream.Close()
		select {
		case err := <-ended:
			if err == nil {
				t.Error("a closed stream gave a byte")
			}
		case <-time.After(10 * time.Second):
			t.Error("the Read still waits")
		}
	})
}

func streamTellsItsEnd(t *testing.T, s suite) {
	id := s.up(t, s.spec("stream-end"))
	t.Run("by what the command said on standard error", func(t *testing.T) {
		got, err := io.ReadAll(s.stream(t, id, "/tool", "both"))
		if string(got) != "out\n" || err == nil || err.Error() != "/tool both: err" {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("by a command that is not there", func(t *testing.T) {
		stream, err := s.Stream(t.Context(), id, sandbox.Exec{Command: []string{"/nosuch"}})
		if err == nil {
			var got []byte
			if got, err = io.ReadAll(stream); len(got) > 0 {
				t.Errorf("it wrote %q", got)
			}
			stream.Close()
		}
		if s.dialect.podman && (err == nil || strings.HasSuffix(err.Error(), "connection reset by peer")) { // it says so nowhere
			return
		}
		if want := "/nosuch: there is no such program in the image"; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// framed is an output as an engine sends it.
func framed(pieces ...string) []byte {
	var out bytes.Buffer
	for i, text := range pieces {
		var head [8]byte
		head[0] = byte(stdcopy.Stdout)
		if i%2 == 1 {
			head[0] = byte(stdcopy.Stderr)
		}
		binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
		out.Write(head[:])
		out.WriteString(text)
	}
	return out.Bytes()
}

// reading is a stream that an engine has sent all of.
func reading(from io.Reader) *execStream {
	here, _ := net.Pipe()
	return &execStream{name: "x", conn: types.HijackedResponse{Conn: here}, in: bufio.NewReaderSize(from, 16)}
}

func TestFramesMayBeginAndEndAnywhere(t *testing.T) {
	sent := framed("one ", "", "", "", strings.Repeat("two ", 100), "", "three")
	for _, read := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
		got, err := io.ReadAll(reading(read(bytes.NewReader(sent))))
		if want := "one " + strings.Repeat("two ", 100) + "three"; string(got) != want || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestStandardErrorIsBounded(t *testing.T) {
	s := reading(bytes.NewReader(framed("out", strings.Repeat("noise\n", 100_000)+"the reason\n")))
	got, err := io.ReadAll(s)
	if string(got) != "out" || err == nil || err.Error() != "x: the reason" {
		t.Errorf("got %q, %v", got, err)
	}
	if len(s.errs) > keptErrors || cap(s.errs) > 64*keptErrors {
		t.Errorf("%d bytes kept in %d", len(s.errs), cap(s.errs))
	}
}

func TestAStreamThatIsNoneEndsIt(t *testing.T) {
	got, err := io.ReadAll(reading(bytes.NewReader([]byte{7, 0, 0, 0, 0, 0, 0, 1, 'x'})))
	if want := "x: the engine sends stream 7, which is none"; len(got) > 0 || err == nil || err.Error() != want {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAFrameCutOffIsNoEnd(t *testing.T) {
	whole := framed("whole")
	for _, cut := range []int{3, 10} {
		if _, err := io.ReadAll(reading(bytes.NewReader(whole[:cut]))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d bytes: %v", cut, err)
		}
	}
}
