package fault

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"volumes", "vnc", "image", "images", "profile"}
	rows := map[string]string{
		"volumess": "volumes", "Volumes": "volumes", "vcn": "vnc", "imag": "image", "porfile": "profile",
		"zebra": "", "x": "", "": "",
	}
	for word, want := range rows {
		if got := Nearest(word, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDistanceCountsASwapAsOneEdit(t *testing.T) {
	rows := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"日本", "日", 1}}
	for _, r := range rows {
		if got := Distance(r.a, r.b); got != r.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", r.a, r.b, got, r.want)
		}
	}
}
