package host

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/bits"
	"net/netip"
	"os"
	"strings"
)

func readRoutes() []netip.Prefix {
	f, err := os.Open("/proc/net/route")
	if err != nil {
		return nil
	}
	defer f.Close()
	return parseRoutes(f)
}

// parseRoutes reads /proc/net/route: destination and mask are columns 2 and 8, in hex, in the machine's byte order.
func parseRoutes(r io.Reader) []netip.Prefix {
	var out []netip.Prefix
	for lines := bufio.NewScanner(r); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 8 {
			continue
		}
		to, okTo := littleEndian(f[1])
		mask, okMask := littleEndian(f[7])
		if okTo && okMask && mask != 0 {
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], to)
			out = append(out, netip.PrefixFrom(netip.AddrFrom4(b), bits.OnesCount32(mask)))
		}
	}
	return out
}

func littleEndian(text string) (uint32, bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b), true
}
