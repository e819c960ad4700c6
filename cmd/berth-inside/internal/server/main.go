package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Exit codes, as the agent server has them.
const (
	exitUsage = 2
	exitStart = 3 // the port is busy
)

// On TERM: commands are killed at once, open requests get this long, and all is over within a second.
const lastAnswers = 700 * time.Millisecond

// options are the agent server's arguments; the starter heeds the first two.
type options struct {
	host         string
	port         int
	checkBrowser bool
	unused       []string // given, and without meaning here
}

// parseOptions reads arguments. Without a key and a host the server is for its own sandbox only.
func parseOptions(args []string, keyed bool, errOut io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("starter", flag.ContinueOnError)
	f.SetOutput(errOut)
	host := "127.0.0.1"
	if keyed {
		host = "0.0.0.0"
	}
	f.StringVar(&o.host, "host", host, "address to listen on")
	f.IntVar(&o.port, "port", 8000, "port to listen on")
	f.BoolVar(&o.checkBrowser, "check-browser", false, "tell whether a browser works, and exit")
	f.Bool("reload", false, "")
	f.String("import-modules", "", "")
	f.String("extra-python-path", "", "")
	err := f.Parse(args)
	f.Visit(func(given *flag.Flag) {
		if given.Usage == "" {
			o.unused = append(o.unused, "--"+given.Name)
		}
	})
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%s: not an argument of the starter", f.Arg(0))
		fmt.Fprintln(errOut, err)
	}
	return o, err
}

// Main runs the starter server until TERM or INT and gives the exit code: 143 after TERM, 3 if it cannot listen.
func Main(args, env []string, errOut io.Writer) int {
	keys := Keys(env)
	o, err := parseOptions(args, len(keys) > 0, errOut)
	if err != nil {
		return exitUsage
	}
	if o.checkBrowser {
		fmt.Fprintln(errOut, "the starter image has no browser")
		return 1
	}
	for _, name := range o.unused {
		fmt.Fprintf(errOut, "%s has no meaning in the starter image\n", name)
	}
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", net.JoinHostPort(o.host, strconv.Itoa(o.port)))
	if err != nil {
		fmt.Fprintf(errOut, "starter: %v\n", err)
		return exitStart
	}
	fmt.Fprintf(errOut, "berth starter server on %s\n", l.Addr())
	s := New(Config{Version: version(), Keys: keys, Home: homeOf(env), Env: Scrub(env), Shell: shell()})
	if os.Getpid() == 1 {
		s.bash.reap.watch()
	}
	return s.serve(l, errOut)
}

// versionFile is where the starter image says which berth made it.
const versionFile = "/.berth/version"

func version() string {
	text, err := os.ReadFile(versionFile)
	if err != nil {
		return "dev"
	}
	return strings.TrimSpace(string(text))
}

// shell gives the program that runs commands: a real /bin/sh where the image has one, else this program.
func shell() []string {
	if _, err := os.Stat("/bin/sh"); err == nil {
		return []string{"/bin/sh"}
	}
	return []string{"/proc/self/exe"}
}

// serve answers until a signal comes.
func (s *Server) serve(l net.Listener, errOut io.Writer) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	// No WriteTimeout: a command may run for an hour. ReadHeaderTimeout ends clients that say nothing.
	server := &http.Server{Handler: s, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		fmt.Fprintf(errOut, "starter: %v\n", err)
		return 1
	case sig := <-signals:
		s.finish(server, errOut)
		code := 128
		if n, ok := sig.(syscall.Signal); ok {
			code += int(n)
		}
		return code
	}
}

// finish kills what runs, so that open requests have their answers, and closes the rest when the time is over.
func (s *Server) finish(server *http.Server, errOut io.Writer) {
	s.bash.killAll()
	ctx, cancel := context.WithTimeout(context.Background(), lastAnswers)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		fmt.Fprintf(errOut, "starter: %v\n", err)
	}
	server.Close()
}
