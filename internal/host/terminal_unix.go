//go:build unix

package host

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// IsTerminal tells whether f is a terminal.
func IsTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	return err == nil
}

// TerminalSize gives the columns and rows of a terminal; zeros when f is none or does not tell.
func TerminalSize(f *os.File) (columns, rows int) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Col), int(size.Row)
}

// RawTerminal hands every key of a terminal through as it is, Ctrl-C too, until restore is called.
func RawTerminal(f *os.File) (restore func() error, err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	raw := *before
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag &^= unix.CSIZE | unix.PARENB
	raw.Cflag |= unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, setTermios, &raw); err != nil {
		return nil, err
	}
	return func() error { return unix.IoctlSetTermios(fd, setTermios, before) }, nil
}

// HungUp waits until a terminal is gone. A program that is not of the terminal's own session, as under su, gets no
// SIGHUP and would wait for keys for ever. It gives false where the system cannot tell.
func HungUp(f *os.File) bool {
	watched := []unix.PollFd{{Fd: int32(f.Fd())}} // no events: only the end is told
	for {
		_, err := unix.Poll(watched, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && watched[0].Revents&unix.POLLHUP != 0
	}
}
