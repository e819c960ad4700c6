// Command attacker is what the tests of attacks send: it tries something harmless from wherever it is run and prints
// what came of it. It is static, so that it runs in every namespace and image.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// patience bounds each try: a wall that drops packets looks like one that is slow.
const patience = 1500 * time.Millisecond

var commands = map[string]func([]string) error{
	"dial": dial, "scan": scan, "unix": unix, "read": read, "write": write, "processes": processes, "resolve": resolve,
	"proxy": proxy, "flood": flood, "serve": serve, "dns": dns,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "attacker: no such attack:", strings.Join(os.Args[1:], " "))
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "attacker:", err)
		os.Exit(1)
	}
}

// each tries all targets at once and prints a line for each, in their order: "TARGET RESULT".
func each(targets []string, try func(string) string) error {
	results := make([]string, len(targets))
	var all sync.WaitGroup
	for i, target := range targets {
		all.Go(func() { results[i] = try(target) })
	}
	all.Wait()
	for i, target := range targets {
		fmt.Println(target, results[i])
	}
	return nil
}

// outcome says how a connection went: open when it answers, silent when it only lets in, closed else.
func outcome(conn net.Conn, err error) string {
	if err != nil {
		return "closed"
	}
	defer conn.Close() //nolint:errcheck // read from only
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+conn.RemoteAddr().String()+"\r\nConnection: close\r\n\r\n")
	if n, _ := conn.Read(make([]byte, 1)); n == 1 {
		return "open"
	}
	return "silent"
}

// dial asks HOST:PORT... for a page.
func dial(targets []string) error {
	return each(targets, func(target string) string { return outcome(net.DialTimeout("tcp", target, patience)) })
}

// unix asks sockets by their paths.
func unix(paths []string) error {
	return each(paths, func(path string) string {
		conn, err := net.DialTimeout("unix", path, patience)
		if err != nil {
			return "closed"
		}
		_ = conn.Close()
		return "open"
	})
}

// read reads files; a folder is opened when it shows its names.
func read(paths []string) error {
	return each(paths, func(path string) string {
		if _, err := os.ReadDir(path); err == nil {
			return "open"
		}
		if _, err := os.ReadFile(path); err == nil {
			return "open"
		}
		return "closed"
	})
}

// write makes a file in each folder, and takes it away again.
func write(folders []string) error {
	return each(folders, func(folder string) string {
		path := filepath.Join(folder, "attacker")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return "closed"
		}
		_ = os.Remove(path)
		return "open"
	})
}

// processes prints all that can be read of other processes' arguments and environments.
func processes([]string) error {
	for _, name := range []string{"cmdline", "environ"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + name)
		if err != nil {
			return err
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil || len(text) == 0 {
				continue
			}
			fmt.Printf("%s %s\n", path, bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
		}
	}
	return nil
}

// resolve looks names up by whatever resolver there is.
func resolve(names []string) error {
	return each(names, func(name string) string {
		if _, err := net.LookupHost(name); err != nil {
			return "closed"
		}
		return "open"
	})
}

// scan prints the open TCP ports of HOST, each of 65,535.
func scan(args []string) error {
	const workers = 128
	ports := make(chan int)
	var all sync.WaitGroup
	var lock sync.Mutex
	for range workers {
		all.Go(func() {
			for port := range ports {
				conn, err := net.DialTimeout("tcp", net.JoinHostPort(args[0], strconv.Itoa(port)), patience)
				if err == nil {
					_ = conn.Close()
					lock.Lock()
					fmt.Println(port)
					lock.Unlock()
				}
			}
		})
	}
	for port := 1; port <= 65535; port++ {
		ports <- port
	}
	close(ports)
	all.Wait()
	return nil
}

// proxy asks the proxy at ADDRESS to lead to each HOST:PORT, and prints the status it answers to CONNECT.
func proxy(args []string) error {
	return each(args[1:], func(target string) string {
		conn, err := net.DialTimeout("tcp", args[0], patience)
		if err != nil {
			return "closed"
		}
		defer conn.Close() //nolint:errcheck // read from only
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target)
		line, err := bufio.NewReader(conn).ReadString('\n')
		words := strings.Fields(line)
		if err != nil || len(words) < 2 {
			return "closed"
		}
		return words[1]
	})
}

// flood opens N connections to ADDRESS and writes to all of them for some seconds, never reading.
func flood(args []string) error {
	if len(args) != 3 {
		return errors.New("flood ADDRESS N SECONDS")
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	seconds, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	block := bytes.Repeat([]byte("X-Flood: flood\r\n"), 4096)
	var all sync.WaitGroup
	for range count {
		all.Go(func() {
			for time.Now().Before(end) {
				conn, err := net.DialTimeout("tcp", args[0], patience)
				if err != nil {
					continue
				}
				_ = conn.SetDeadline(end)
				_, _ = io.WriteString(conn, "GET http://")
				for err == nil {
					_, err = conn.Write(block)
				}
				_ = conn.Close()
			}
		})
	}
	all.Wait()
	return nil
}

// serve answers everybody at each ADDRESS, and says when it listens.
func serve(addresses []string) error {
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close() //nolint:errcheck // written to only
					_, _ = conn.Read(make([]byte, 4096))
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")
				}()
			}
		}()
	}
	return wait()
}

// dns takes queries at ADDRESS, answers none, and prints a line for each.
func dns(args []string) error {
	l, err := net.ListenPacket("udp", args[0])
	if err != nil {
		return err
	}
	go func() {
		query := make([]byte, 4096)
		for {
			n, from, err := l.ReadFrom(query)
			if err != nil {
				return
			}
			fmt.Printf("query from %s: %q\n", from, query[:n])
			if n > 12 { // refused: nobody has to wait
				answer := append([]byte{}, query[:n]...)
				answer[2], answer[3] = answer[2]|0x80, 5
				_, _ = l.WriteTo(answer, from)
			}
		}
	}()
	return wait()
}

// wait says that all is set up, and waits until standard input ends.
func wait() error {
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
