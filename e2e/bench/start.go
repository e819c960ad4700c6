package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// startGoals bound the time of a command from start to end, in ms; one with a peer may also be as slow as that.
var startGoals = []struct {
	name string
	args []string // the program is berth's, unless program says otherwise
	peer []string
	most float64
}{
	{"berth --version", []string{"--version"}, []string{"docker", "--version"}, 10},
	{"berth ls", []string{"ls"}, []string{"docker", "ps"}, 20},
	{"completion of a name", []string{"__complete", "stop", ""}, nil, 50},
}

// measureStart times short commands, berth's and docker's by turns.
func measureStart(ctx context.Context, w *world, o options) ([]row, error) {
	variants := []variant{}
	for _, g := range startGoals {
		variants = append(variants, timedCommand(w, g.name, w.program, g.args...))
		if g.peer != nil {
			variants = append(variants, timedCommand(w, g.peer[0]+" "+g.peer[1], g.peer[0], g.peer[1:]...))
		}
	}
	rows, err := rounds(ctx, o.n, variants)
	if err != nil {
		return nil, err
	}
	for _, g := range startGoals {
		for i := range rows {
			if rows[i].Name != g.name {
				continue
			}
			rows[i].Goal = goal{Most: g.most}
			if g.peer != nil && rows[i+1].Note == "" {
				rows[i].Goal.OrPeer = percentile(rows[i+1].Values, 50)
			}
		}
	}
	inits := timedInits(w)
	more, err := rounds(ctx, o.n, []variant{inits})
	if err != nil {
		return nil, err
	}
	more[0].Goal = goal{Most: 5}
	return append(rows, more...), nil
}

// began is one package as GODEBUG=inittrace=1 reports it.
var began = regexp.MustCompile(`(?m)^init \S+ @\S+ ms, (\S+) ms clock`)

// timedInits sums what the packages take before main.
func timedInits(w *world) variant {
	return variant{name: "the packages' inits", once: func(ctx context.Context) (float64, error) {
		c := w.command(ctx, w.program, "--version")
		c.Env = append(c.Env, "GODEBUG=inittrace=1")
		trace, err := c.CombinedOutput()
		return sumInits(string(trace)), err
	}}
}

func sumInits(trace string) float64 {
	sum := 0.0
	for _, m := range began.FindAllStringSubmatch(trace, -1) {
		ms, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return math.NaN()
		}
		sum += ms
	}
	return sum
}

// variant is one way to do a thing. once gives what it took in ms; clean undoes it outside the measured time.
type variant struct {
	name  string
	skip  string // why it cannot run here
	once  func(context.Context) (float64, error)
	clean func(context.Context) error
}

func timedCommand(w *world, name, program string, args ...string) variant {
	v := variant{name: name}
	path, err := exec.LookPath(program)
	if err != nil {
		v.skip = "not installed"
		return v
	}
	v.once = func(ctx context.Context) (float64, error) {
		begin := time.Now()
		err := w.command(ctx, path, args...).Run()
		return since(begin), err
	}
	return v
}

// rounds runs every variant once a round, in a new order each, and leaves the first round out. A failed run is NaN.
func rounds(ctx context.Context, n int, variants []variant) ([]row, error) {
	rows := make([]row, len(variants))
	for i, v := range variants {
		rows[i] = row{Name: v.name, Unit: "ms", Note: v.skip}
	}
	for round := range n + 1 {
		for _, i := range rand.Perm(len(variants)) {
			if variants[i].skip != "" {
				continue
			}
			took, err := attempt(ctx, variants[i])
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if round == 0 {
				if err != nil {
					return nil, err
				}
				continue
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s, round %d: %v\n", variants[i].name, round, err)
				took = math.NaN()
				rows[i].Fail++
			}
			rows[i].Values = append(rows[i].Values, took)
		}
	}
	return rows, nil
}

func attempt(ctx context.Context, v variant) (float64, error) {
	took, err := v.once(ctx)
	if v.clean != nil {
		err = errors.Join(err, v.clean(context.WithoutCancel(ctx)))
	}
	return took, err
}

// measureSize weighs the program: 10⁶ bytes are a megabyte.
func measureSize(_ context.Context, w *world, _ options) ([]row, error) {
	info, err := os.Stat(w.program)
	if err != nil {
		return nil, err
	}
	return []row{{Name: "the program, both architectures packed in", Unit: "MB", Values: []float64{float64(info.Size()) / 1e6}, Goal: goal{Most: 18}}}, nil
}

func since(begin time.Time) float64 { return float64(time.Since(begin).Microseconds()) / 1000 }
