package commands

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func date(p *Proc) int {
	o, words, ok := p.getopt("ud:r:RI:s: utc=u universal=u date=d reference=r rfc-email=R iso-8601=4 set=s")
	if !ok {
		return p.code
	}
	if o.has('s') {
		p.complain("the clock of a sandbox cannot be set")
		return 1
	}
	zone := time.Local
	if o.has('u') {
		zone = time.UTC
	}
	at := time.Now()
	switch {
	case o.has('d'):
		var err error
		if at, err = readDate(o.last('d'), zone, at); err != nil {
			p.complain("invalid date '%s'", o.last('d'))
			return 1
		}
	case o.has('r'):
		info, err := os.Stat(o.last('r'))
		if err != nil {
			p.fail(o.last('r'), err)
			return 1
		}
		at = info.ModTime()
	}
	at = at.In(zone)
	format := "%a %b %e %H:%M:%S %Z %Y"
	switch {
	case len(words) > 0 && strings.HasPrefix(words[0], "+"):
		format = words[0][1:]
	case o.has('R'):
		format = "%a, %d %b %Y %H:%M:%S %z"
	case o.has('I') && strings.HasPrefix(o.last('I'), "s"):
		format = "%Y-%m-%dT%H:%M:%S%:z"
	case o.has('I'), o.has('4'):
		format = "%Y-%m-%d"
	}
	fmt.Fprintln(p.Out, strftime(format, at))
	return 0
}

// dateForms are what -d reads beside "@seconds", "now", "yesterday" and "N unit ago".
var dateForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "20060102", time.RFC1123Z, time.RFC1123, time.UnixDate, "Jan 2 2006", "2 Jan 2006", "2 Jan 2006 15:04:05"}

func readDate(text string, zone *time.Location, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if seconds, found := strings.CutPrefix(text, "@"); found {
		f, err := strconv.ParseFloat(seconds, 64)
		return time.UnixMicro(int64(f * 1e6)), err
	}
	switch text {
	case "now", "today", "":
		return now, nil
	case "yesterday":
		return now.AddDate(0, 0, -1), nil
	case "tomorrow":
		return now.AddDate(0, 0, 1), nil
	}
	for _, form := range dateForms {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return t, nil
		}
	}
	return relative(text, now)
}

// relative reads "2 days ago", "+1 hour", "-3 weeks".
func relative(text string, now time.Time) (time.Time, error) {
	words := strings.Fields(text)
	bad := errors.New("invalid date")
	sign := 1
	if len(words) == 3 && words[2] == "ago" {
		sign, words = -1, words[:2]
	}
	if len(words) != 2 {
		return now, bad
	}
	n, err := strconv.Atoi(strings.TrimPrefix(words[0], "+"))
	if err != nil {
		return now, bad
	}
	n *= sign
	switch strings.TrimSuffix(words[1], "s") {
	case "sec", "second":
		return now.Add(time.Duration(n) * time.Second), nil
	case "min", "minute":
		return now.Add(time.Duration(n) * time.Minute), nil
	case "hour":
		return now.Add(time.Duration(n) * time.Hour), nil
	case "day":
		return now.AddDate(0, 0, n), nil
	case "week":
		return now.AddDate(0, 0, 7*n), nil
	case "month":
		return now.AddDate(0, n, 0), nil
	case "year":
		return now.AddDate(n, 0, 0), nil
	}
	return now, bad
}

// goForms are strftime's letters in Go's words.
var goForms = map[byte]string{
	'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'e': "_2", 'b': "Jan", 'h': "Jan", 'B': "January",
	'a': "Mon", 'A': "Monday", 'I': "03", 'p': "PM", 'Z': "MST", 'z': "-0700", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06",
	'R': "15:04", 'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05", 'j': "002", 'r': "03:04:05 PM",
}

func strftime(format string, t time.Time) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		i++
		trim := false
		if format[i] == '-' && i+1 < len(format) {
			trim = true
			i++
		}
		text := dateField(format[i:], t)
		if strings.HasPrefix(format[i:], ":z") {
			i++
		}
		if trim {
			text = strings.TrimLeft(text, "0 ")
			if text == "" {
				text = "0"
			}
		}
		out.WriteString(text)
	}
	return out.String()
}

func dateField(letters string, t time.Time) string {
	switch letters[0] {
	case 's':
		return strconv.FormatInt(t.Unix(), 10)
	case 'N':
		return fmt.Sprintf("%09d", t.Nanosecond())
	case 'u':
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1)
	case 'w':
		return strconv.Itoa(int(t.Weekday()))
	case 'V', 'G':
		year, week := t.ISOWeek()
		if letters[0] == 'G' {
			return strconv.Itoa(year)
		}
		return fmt.Sprintf("%02d", week)
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1)
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case '%':
		return "%"
	case ':':
		return t.Format("-07:00")
	}
	if form, known := goForms[letters[0]]; known {
		return t.Format(form)
	}
	return "%" + letters[:1]
}
