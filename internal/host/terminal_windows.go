package host

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// IsTerminal tells whether f is a terminal.
func IsTerminal(f *os.File) bool {
	var mode uint32
	return windows.GetConsoleMode(windows.Handle(f.Fd()), &mode) == nil
}

// TerminalSize gives the columns and rows of a terminal; zeros when f is none or does not tell.
func TerminalSize(f *os.File) (columns, rows int) {
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info) != nil {
		return 0, 0
	}
	return int(info.Window.Right-info.Window.Left) + 1, int(info.Window.Bottom-info.Window.Top) + 1
}

// RawTerminal is for Unix terminals only.
func RawTerminal(*os.File) (restore func() error, err error) {
	return nil, errors.New("not on Windows; run berth in WSL")
}

// HungUp cannot be told here.
func HungUp(*os.File) bool { return false }
