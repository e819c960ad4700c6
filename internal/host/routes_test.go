package host

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestRoutesLeaveTheDefaultRouteOut(t *testing.T) {
	table := `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0101A8C0	0003	0	0	0	00000000	0	0	0
eth0	0001A8C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
`
	want := []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("172.17.0.0/16")}
	if got := parseRoutes(strings.NewReader(table)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
