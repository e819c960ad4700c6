package gateway

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"net/url"
	"sync"
	"time"
)

const (
	headTime     = 10 * time.Second // for the rest of a head, and for a stranger's first byte
	idleTime     = 5 * time.Minute  // between two requests of somebody known
	dialTime     = 10 * time.Second
	departTime   = time.Second     // for a visitor to read why he was refused
	uploadGrace  = 2 * time.Second // for a body that goes on after its answer
	freshFor     = time.Second     // a kept connection is not looked at again so soon; where it can't be, it's renewed
	maxInterim   = 16              // answers 1xx before the answer
	vscodeURL    = "/api/vscode/url"
	maxSecret    = 32 << 10 // bytes of an answer that is searched for the key
	departAtMost = 256 << 10
)

var (
	errDone     = errors.New("nothing more to say")
	errUpgraded = errors.New("another protocol follows")
	errEarly    = errors.New("closed without an answer")
)

// scratch is what one exchange needs; a waiting connection has none.
type scratch struct {
	request, response head
	out               []byte
}

var scratches = sync.Pool{New: func() any { return &scratch{out: make([]byte, 0, 4<<10)} }}

// wish is what of a request is still needed when its head is gone.
type wish struct {
	html, head, safe, close bool
	upgrade                 bool
	secret                  bool // the answer has the server's key in its body
	program                 bool // no browser
	body                    framing
}

// exchange reads one request and answers it; an error ends the connection.
func (v *visit) exchange(ctx context.Context) error {
	length, err := v.readRequest()
	if errors.Is(err, errHeadTooLong) {
		return v.refuse(wish{}, 431, "the head of the request is longer than 64 KiB")
	}
	if err != nil {
		return err
	}
	s := scratches.Get().(*scratch)
	rewrites, err := v.answerOne(ctx, s, length)
	scratches.Put(s)
	if errors.Is(err, errUpgraded) {
		return v.upgraded(rewrites)
	}
	return err
}

// answerOne answers the request whose head is ahead. After errUpgraded another protocol follows, in which keys are
// to be rewritten.
func (v *visit) answerOne(ctx context.Context, s *scratch, length int) (outgoing, error) {
	h := &s.request
	if err := h.parseRequest(v.client.ahead()[:length]); err != nil {
		return outgoing{}, v.refuse(wish{}, malformed(err), "the request is not understood: "+err.Error())
	}
	v.client.take(length)
	facts, login := v.read(h)
	w := wish{
		html: h.html, head: string(h.method) == "HEAD", safe: h.safe(), close: h.close, upgrade: h.upgrade,
		secret: v.link.Kind == KindAPI && isVSCodeURL(h.path()), body: framingOf(h, false),
	}
	switch decided := judge(facts); decided {
	case forward, forwardKey:
		w.program = decided == forwardKey
		if w.program {
			login = ""
		}
		if !v.admit(login) {
			return outgoing{}, errDone
		}
		return v.forward(ctx, s, w)
	case awaitKey:
		return v.meet(ctx, s, w)
	case ownLogin:
		return outgoing{}, v.logIn(w, login, facts.cookie)
	default:
		return outgoing{}, v.turnAway(w, decided)
	}
}

// isVSCodeURL knows the path also where letters of it are written as %76: servers read them as the letters.
func isVSCodeURL(path []byte) bool {
	if bytes.IndexByte(path, '%') < 0 {
		return string(path) == vscodeURL
	}
	plain, err := url.PathUnescape(string(path))
	return err == nil && plain == vscodeURL
}

func malformed(err error) int {
	switch {
	case errors.Is(err, errFields):
		return 431
	case errors.Is(err, errVersion):
		return 505
	}
	return 400
}

// readRequest waits for a whole head and gives its length.
func (v *visit) readRequest() (int, error) {
	if len(v.client.ahead()) == 0 {
		limit := headTime
		if v.known {
			limit = idleTime
		}
		v.client.within(limit)
		if err := v.client.fill(); err != nil {
			return 0, err
		}
	}
	if n := headLength(v.client.ahead()); n > 0 {
		return n, nil
	}
	v.client.within(headTime)
	return v.client.readHead(v.client.fill)
}

// cookie gives the login whose cookie a request shows, if it counts.
func (v *visit) cookie(h *head) (string, bool) {
	for rest := h.single[kindCookie]; len(rest) > 0; {
		var one []byte
		one, rest, _ = bytes.Cut(rest, []byte(";"))
		name, value, _ := bytes.Cut(trim(one), []byte("="))
		if string(name) != v.link.cookie {
			continue
		}
		if len(v.shown) > 0 && subtle.ConstantTimeCompare(value, v.shown) == 1 {
			return v.login, true
		}
		if login, counts := v.front.login(v.link, value); counts {
			v.shown, v.login = bytes.Clone(value), login
			return login, true
		}
	}
	return "", false
}

func sameKey(given, key []byte) bool { return subtle.ConstantTimeCompare(given, key) == 1 }

// forward sends an allowed request inside and its answer back.
func (v *visit) forward(ctx context.Context, s *scratch, w wish) (outgoing, error) {
	var none outgoing
	if text := *v.front.state.Load(); text != "" {
		return none, v.unavailable(w, text)
	}
	out := outgoing{link: v.link, session: v.front.session, from: v.front.placeholder, plain: w.secret}
	if w.program {
		out.from = v.front.client
	}
	s.out = out.appendRequest(s.out[:0], &s.request)
	n, err := w.body.count(v.client.ahead())
	if err != nil {
		return none, v.refuse(w, 400, "the body of the request is not understood")
	}
	s.out = append(s.out, v.client.ahead()[:n]...)
	v.client.take(n)

	if err := v.ask(ctx, s, w); err != nil {
		return none, v.noAnswer(w, err)
	}
	upload := v.upload(w)
	if err := v.answerHead(s, w, upload != nil); err != nil {
		return none, v.inPlaceOf(w, upload, err)
	}
	in := incoming{session: v.front.session, to: v.front.placeholder}
	if s.response.status != 101 {
		return none, v.answer(s, w, in, upload)
	}
	s.out = in.appendResponse(s.out[:0], &s.response, true, false)
	if _, err := v.client.conn.Write(s.out); err != nil {
		return none, err
	}
	return out, errUpgraded
}

// ask sends what is in s.out over the kept connection or, when the server has closed that one, over a new one.
func (v *visit) ask(ctx context.Context, s *scratch, w wish) error {
	if v.inside != nil && (time.Since(v.used) < freshFor || v.inside.raw != nil && !v.inside.gone()) {
		err := v.askAgain(s, w)
		if err == nil || errors.Is(err, errGone) {
			return err
		}
	}
	v.drop()
	dialing, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := v.front.config.Dial(dialing, v.link.Inside)
	if err != nil {
		return err
	}
	if !v.keep(conn) {
		return errDone
	}
	if _, err := conn.Write(s.out); err != nil {
		return errEarly
	}
	return nil
}

// askAgain uses the kept connection. What changes nothing waits for the answer's beginning, since it can be asked
// once more.
func (v *visit) askAgain(s *scratch, w wish) error {
	if _, err := v.inside.conn.Write(s.out); err != nil {
		return err
	}
	if !w.safe || w.upgrade || !w.body.done() {
		return nil
	}
	return v.listen()
}

// listen reads from inside, and looks now and then whether the visitor is still there.
func (v *visit) listen() error {
	for {
		v.inside.within(patience)
		err := v.inside.fill()
		if !isTimeout(err) {
			return err
		}
		if v.client.gone() {
			return errGone
		}
	}
}

// upload sends a body that is longer than what was there with its head, while the answer is awaited. It gives nil
// when there is nothing to send.
func (v *visit) upload(w wish) <-chan error {
	if w.body.done() {
		return nil
	}
	ended := make(chan error, 1)
	body, inside := w.body, v.inside
	v.client.forever()
	go func() {
		err := body.carry(inside, v.client)
		if err != nil && v.client.gone() {
			_ = inside.conn.Close() // nobody waits for the answer
		}
		ended <- err
	}()
	return ended
}

// uploaded waits for the end of a body whose answer is over.
func (v *visit) uploaded(upload <-chan error) error {
	if upload == nil {
		return nil
	}
	grace := time.NewTimer(uploadGrace)
	defer grace.Stop()
	select {
	case err := <-upload:
		return err
	case <-grace.C:
	}
	v.drop()
	_ = v.client.conn.SetReadDeadline(time.Now())
	return errors.Join(errDone, <-upload)
}

// body reads the whole body of a request.
func (v *visit) body(w wish, atMost int64) ([]byte, error) {
	if w.body.chunked || w.body.length > atMost {
		return nil, errLength
	}
	if err := v.client.fillTo(int(w.body.length)); err != nil {
		return nil, err
	}
	return v.client.ahead()[:w.body.length], nil
}
