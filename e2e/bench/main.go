// Command bench measures berth against the raw engine and against docker's own commands, and holds the figures against
// their goals: `make bench`. All it makes is labelled dev.berth.bench or is berth's own, and is removed at the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// exitMissed is the exit code of -check when a goal is missed.
const exitMissed = 5

// errMissed is what -check ends with.
var errMissed = errors.New("a goal is missed")

// options are the flags.
type options struct {
	berth, only, json string
	n                 int
	check             bool
}

// A group is some rows of the table that are measured together; -only picks groups by name.
type group struct {
	name    string
	measure func(context.Context, *world, options) ([]row, error)
}

var groups = []group{
	{"launch", measureLaunch},
	{"crowd", measureCrowd},
	{"start", measureStart},
	{"screen", measureScreen},
	{"tunnel", measureTunnel},
	{"gateway", measureGateway},
	{"size", measureSize},
}

func main() {
	var o options
	flag.StringVar(&o.berth, "berth", "bin/berth", "the `program` to measure")
	flag.IntVar(&o.n, "n", 20, "`rounds`, after one warm-up")
	flag.StringVar(&o.only, "only", "", "`groups` to measure: launch,crowd,start,screen,tunnel,gateway,size")
	flag.StringVar(&o.json, "json", "", "`file` for the figures")
	flag.BoolVar(&o.check, "check", false, "exit 5 when a goal is missed")
	keep := flag.String(carryFlag, "", "be a gateway for this `container`; the bench starts itself so")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *keep != "" {
		err = carry(ctx, *keep, flag.Arg(0))
	} else {
		err = run(ctx, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	switch {
	case errors.Is(err, errMissed):
		os.Exit(exitMissed)
	case err != nil:
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	load, cores := machineLoad()
	if o.check && load > float64(cores) {
		return fmt.Errorf("the load is %.1f on %d cores: nothing would be proven", load, cores)
	}
	if o.n < 1 {
		return fmt.Errorf("-n %d: at least one round", o.n)
	}
	w, err := newWorld(ctx, o.berth)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.clear(context.WithoutCancel(ctx))) }()
	var rows []row
	for _, g := range groups {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+g.name+",") {
			continue
		}
		more, err := g.measure(ctx, w, o)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		rows = append(rows, more...)
	}
	fmt.Printf("cores %d · load %.1f · %s · n %d\n", cores, load, w.engine, o.n)
	fmt.Print(table(rows))
	if o.json != "" {
		if err := writeJSON(o.json, rows); err != nil {
			return err
		}
	}
	if o.check && missed(rows) {
		return errMissed
	}
	return nil
}
