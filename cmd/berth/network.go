package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/config"
	"berth/internal/launch"
	"berth/network"
)

func (a *app) networkCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "network",
		Short: "Show the networks a sandbox could join, and what a name means",
		Example: `  berth network ls
  berth network resolve sccache
  berth up --network sccache`,
		Args: a.unknownCommand,
		RunE: helpOf,
	}
	c.AddCommand(a.networkLsCommand(), a.networkResolveCommand())
	return c
}

// networks looks at the engine's networks as a launch from this folder would.
func (a *app) networks(ctx context.Context) (launch.Networks, *config.Settings, error) {
	q, err := a.request(nil)
	if err != nil {
		return launch.Networks{}, nil, err
	}
	s, err := a.connect(ctx, q.Settings, a.print.Event)
	if err != nil {
		return launch.Networks{}, nil, err
	}
	n, err := s.Networks(ctx, q)
	return n, q.Settings, err
}

// networkJSON is a network for programs.
type networkJSON struct {
	Name    string     `json:"name"`
	ID      string     `json:"id"`
	Driver  string     `json:"driver"`
	Project string     `json:"project,omitempty"`
	Key     string     `json:"key,omitempty"`
	Members []peerJSON `json:"members"`
	Opens   string     `json:"opens"`
	Sealed  bool       `json:"sealed"`
	Refused string     `json:"refused,omitempty"`
	Asked   string     `json:"asked,omitempty"`
	How     string     `json:"how,omitempty"`
}

type peerJSON struct {
	Name    string   `json:"name"`
	Sandbox bool     `json:"sandbox,omitempty"`
	Ports   []uint16 `json:"ports"`
}

// scopeJSON is the compose project that short names belong to.
type scopeJSON struct {
	Project string `json:"project"`
	From    string `json:"from"`
}

func networkJSONOf(j launch.Joined) networkJSON {
	out := networkJSON{
		Name: j.Name, ID: j.ID, Driver: j.Driver, Project: j.Project, Key: j.Key, Members: []peerJSON{},
		Opens: j.Opening.Long, Sealed: j.Opening.Sealed, Refused: refused(j), Asked: j.Asked, How: string(j.How),
	}
	for _, p := range j.Peers {
		out.Members = append(out.Members, peerJSON{p.Name, p.Sandbox, append([]uint16{}, p.Ports...)})
	}
	return out
}

func scopeJSONOf(s network.Scope) *scopeJSON {
	if s.Project == "" {
		return nil
	}
	return &scopeJSON{s.Project, s.Where}
}

// refused says why a network cannot be joined: "it is ...", since its name stands beside it.
func refused(j launch.Joined) string {
	if j.Refused == nil {
		return ""
	}
	_, reason, _ := strings.Cut(j.Refused.Error(), ": ")
	return "it " + reason
}

// completeFlags offers values for the flags of a launch whose values an engine knows.
func (a *app) completeFlags(c *cobra.Command) {
	if err := c.RegisterFlagCompletionFunc("network", a.completeNetworks); err != nil {
		panic(err) // the flag is in the table of keys
	}
}

// completeNetworks offers the networks that can be joined. Without an engine it offers none, at once.
func (a *app) completeNetworks(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	a.flags = given(cmd)
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := context.WithTimeout(ctx, completionLimit)
	defer stop()
	s, err := a.attend(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	n, err := s.Networks(ctx, launch.Request{Settings: &config.Settings{}})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, j := range n.All() {
		if j.Refused == nil {
			names = append(names, j.Name+"\t"+j.About())
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
