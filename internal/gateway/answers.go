package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// turned are the answers to who is not let through.
var turned = map[verdict]struct {
	status int
	text   string
}{
	misdirected: {421, "this address is not one of berth's links"},
	forbidden:   {403, "this request came from another page, or does not say from which"},
	noMethod:    {405, "TRACE is not served"},
	unknown:     {401, "who asks is not logged in; get a link with: berth open NAME"},
	pageLogin:   {401, "who asks is not logged in; get a link with: berth open NAME"},
	pageAgain:   {403, "this request came from another page"},
	pageDrop:    {200, ""}, // always a page
}

// turnAway answers a request that is not forwarded.
func (v *visit) turnAway(w wish, decided verdict) error {
	answer := turned[decided]
	if w.html && (decided == pageLogin || decided == pageAgain || decided == pageDrop) {
		return v.show(answer.status, v.front.loginPage(decided != pageLogin), w)
	}
	return v.refuse(w, answer.status, strings.ReplaceAll(answer.text, "NAME", v.front.config.Name))
}

// unavailable says that it may be different in a moment.
func (v *visit) unavailable(w wish, text string) error {
	if w.html && w.safe && !w.upgrade {
		return v.show(http.StatusServiceUnavailable, page{title: v.front.config.Name, text: text, refresh: true}, w)
	}
	return v.refuse(w, http.StatusServiceUnavailable, text)
}

func (v *visit) show(status int, p page, w wish) error {
	return v.write(status, "text/html; charset=utf-8", p.String(), w)
}

// refuse answers by one sentence, in the form that the API's programs expect of a server.
func (v *visit) refuse(w wish, status int, text string) error {
	if v.link.Kind != KindAPI {
		return v.sentence(w, status, text)
	}
	body, err := json.Marshal(map[string]string{"detail": text})
	if err != nil {
		return err
	}
	return v.write(status, "application/json", string(body), w)
}

func (v *visit) sentence(w wish, status int, text string) error {
	return v.write(status, "text/plain; charset=utf-8", text+"\n", w)
}

func (v *visit) redirect(to string, cookies []string) error {
	headers := "Location: " + to + "\r\n"
	for _, cookie := range cookies {
		headers += "Set-Cookie: " + cookie + "\r\n"
	}
	return v.say(http.StatusSeeOther, headers, "", false)
}

func (v *visit) write(status int, kind, body string, w wish) error {
	headers := "Content-Type: " + kind + "\r\n"
	if status == http.StatusServiceUnavailable {
		headers += "Retry-After: 1\r\n"
	}
	return v.say(status, headers, body, w.head)
}

// say sends an answer of the gateway's own and ends the connection.
func (v *visit) say(status int, headers, body string, bodiless bool) error {
	answer := "HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n" + headers +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\n" +
		"Cache-Control: no-store\r\n" +
		"Content-Security-Policy: " + ownPolicy + "\r\n" +
		"X-Content-Type-Options: nosniff\r\n" +
		"Referrer-Policy: no-referrer\r\n" +
		"Cross-Origin-Resource-Policy: same-origin\r\n" +
		openerPolicy +
		"Connection: close\r\n\r\n"
	if !bodiless {
		answer += body
	}
	_ = v.client.conn.SetWriteDeadline(time.Now().Add(headTime))
	if _, err := io.WriteString(v.client.conn, answer); err != nil {
		return err
	}
	return v.depart()
}

// depart ends the connection so that the visitor can read what was said: closing it over bytes he still sends would
// take the answer back from him.
func (v *visit) depart() error {
	_ = v.client.closeWrite()
	v.client.within(departTime)
	_, _ = io.CopyN(io.Discard, v.client.conn, departAtMost)
	return errDone
}
