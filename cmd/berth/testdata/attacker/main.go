// Command attacker is what the agent of a sandbox tries against the tunnel's end beside it.
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

func main() {
	switch os.Args[1] {
	case "serving": // print the pids of berth-inside serve
		for _, pid := range serving() {
			fmt.Println(pid)
		}
	case "touch": // try to get at a process: its pid, or "own" for one of this program's
		touch(os.Args[2])
	case "connect": // print how a socket answers
		connect(os.Args[2])
	case "flood": // write without end on so many connections to the proxy, until killed
		flood(os.Args[2])
	}
}

func serving() []int {
	var pids []int
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		line, _ := os.ReadFile(path)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if strings.Contains(string(line), "\x00serve\x00") && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// touch prints one line an attempt: its name, and the error or "done". Killing comes last.
func touch(who string) {
	runtime.LockOSThread() // ptrace(2) is a thread's
	pid, _ := strconv.Atoi(who)
	if who == "own" {
		child := exec.Command("/.berth/inside", "idle")
		if err := child.Start(); err != nil {
			fmt.Println("own:", err)
			return
		}
		pid = child.Process.Pid
	}
	proc := fmt.Sprintf("/proc/%d/", pid)
	for _, attempt := range []struct {
		name string
		do   func() error
	}{
		{"memory", func() error { return open(proc + "mem") }},
		{"environment", func() error { _, err := os.ReadFile(proc + "environ"); return err }},
		{"descriptors", func() error { _, err := os.ReadDir(proc + "fd"); return err }},
		{"working folder", func() error { _, err := os.Readlink(proc + "cwd"); return err }},
		{"ptrace", func() error {
			err := syscall.PtraceAttach(pid)
			if err == nil {
				var status syscall.WaitStatus
				_, _ = syscall.Wait4(pid, &status, 0, nil)
				err = syscall.PtraceDetach(pid)
			}
			return err
		}},
		{"stop", func() error { return syscall.Kill(pid, syscall.SIGSTOP) }},
		{"kill", func() error { return syscall.Kill(pid, syscall.SIGKILL) }},
	} {
		if err := attempt.do(); err != nil {
			fmt.Printf("%s: refused\n", attempt.name)
		} else {
			fmt.Printf("%s: done\n", attempt.name)
		}
	}
}

func open(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	return err
}

func connect(path string) {
	conn, err := net.Dial("unixpacket", path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte("let me in"))
	if n, err := conn.Read(make([]byte, 1)); n == 0 {
		fmt.Println("sent away:", err)
		return
	}
	fmt.Println("let in")
}

func flood(count string) {
	n, _ := strconv.Atoi(count)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for block := make([]byte, 64<<10); ; {
				conn, err := net.Dial("tcp4", "127.0.0.1:3128")
				for err == nil {
					_, err = conn.Write(block)
				}
				if conn != nil {
					conn.Close()
				}
			}
		})
	}
	all.Wait()
}
