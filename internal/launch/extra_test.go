package launch

import (
	"maps"
	"testing"

	"berth/internal/fault"
	"berth/internal/state"
)

func TestAFurtherPortInsideGetsALinkAndKeepsItsPort(t *testing.T) {
	f := newFixture(t)
	f.request.Settings.Links.Extra = []uint16{3000, 80}
	result := f.up(t)
	if len(result.Links) != 5 {
		t.Fatalf("links are %+v", result.Links)
	}
	for i, want := range []string{"80", "3000"} {
		if link := result.Links[3+i]; string(link.Kind) != want || link.Missing != "" {
			t.Errorf("link %d is %+v, not of port %s", 3+i, link, want)
		}
	}
	record, err := f.Store.Record("shop")
	if err != nil || record.Extra[3000] != 3000 || record.Extra[80] < 1024 {
		t.Errorf("promised are %v, %v", record.Extra, err)
	}
}

// A port that is named later keeps what it was promised, also from one that is named first and looks for a place.
func TestAPromisedPortIsGivenToNobodyElse(t *testing.T) {
	f := newFixture(t)
	f.PortFree = func(port uint16) bool { return port >= extraFirst }
	record := state.Record{Name: "shop", Extra: map[uint16]uint16{3000: extraFirst}}
	got, err := f.extraPorts(record, []uint16{80, 3000})
	if want := map[uint16]uint16{80: extraFirst + 1, 3000: extraFirst}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestAPortThatHasALinkAnywayIsNoExtra(t *testing.T) {
	f := newFixture(t)
	f.request.Settings.Links.Extra = []uint16{8001}
	_, err := f.Plan(t.Context(), f.request)
	if err == nil || err.Error() != "links.extra: port 8001 has a link anyway" || fault.HintOf(err) != "leave it out" {
		t.Errorf("%v, hint %s", err, fault.HintOf(err))
	}
}
