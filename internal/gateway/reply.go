package gateway

import (
	"context"
	"errors"
	"io"
	"time"

	"berth/internal/tunnel"
)

// answerHead reads the head of the final answer into s.response, and passes on that the server wants the body.
func (v *visit) answerHead(s *scratch, w wish, uploading bool) error {
	for range maxInterim {
		length, err := v.readAnswer()
		if err != nil {
			return err
		}
		h := &s.response
		if err := h.parseResponse(v.inside.ahead()[:length]); err != nil {
			return badAnswer{err}
		}
		switch {
		case h.status == 101 && h.upgrade && w.upgrade, h.status >= 200:
			v.inside.take(length)
			return nil
		case h.status == 101:
			return badAnswer{errHead}
		case h.status == 100 && uploading:
			if _, err := io.WriteString(v.client.conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
				return errGone
			}
		}
		v.inside.take(length)
	}
	return badAnswer{errHead}
}

func (v *visit) readAnswer() (int, error) {
	n, err := v.inside.readHead(v.listen)
	switch {
	case err == nil, errors.Is(err, errGone):
		return n, err
	case errors.Is(err, errHeadTooLong):
		return 0, badAnswer{err}
	case len(v.inside.ahead()) > 0:
		return 0, badAnswer{io.ErrUnexpectedEOF}
	}
	return 0, errEarly
}

// badAnswer is of a server that does not speak HTTP, or speaks it so that a browser could misunderstand it.
type badAnswer struct{ error }

// answer sends the response whose head is in s, and decides whether the connections live on.
func (v *visit) answer(s *scratch, w wish, in incoming, upload <-chan error) error {
	h := &s.response
	bodiless := w.head || h.bodiless()
	body := framingOf(h, bodiless)
	closes := h.close || body.endless()
	last := w.close || body.endless()
	s.out = in.appendResponse(s.out[:0], h, bodiless, last) // before more is read: the head is in the same buffer
	if w.secret && !bodiless {
		if err := v.hideKey(body, in); err != nil {
			return v.inPlaceOf(w, upload, err)
		}
	}
	n, err := body.count(v.inside.ahead())
	if err != nil {
		return v.inPlaceOf(w, upload, badAnswer{err})
	}
	s.out = append(s.out, v.inside.ahead()[:n]...)
	v.inside.take(n)
	if _, err := v.client.conn.Write(s.out); err != nil {
		return err
	}
	if err := body.carry(v.client, v.inside); err != nil && !(body.endless() && errors.Is(err, io.EOF)) {
		return err
	}
	if err := v.uploaded(upload); err != nil {
		last = true
	}
	v.used = time.Now()
	switch {
	case v.inside == nil: // dropped, since its answer was over before the upload
	case closes || len(v.inside.ahead()) > 0: // bytes after an answer are of nobody's question
		v.drop()
	default:
		v.inside.rest()
	}
	if last {
		return v.depart()
	}
	return nil
}

// hideKey reads a body that has the server's key in it, and puts the placeholder there.
func (v *visit) hideKey(body framing, in incoming) error {
	if body.chunked || body.length < 0 || body.length > maxSecret {
		return badAnswer{errLength}
	}
	for int64(len(v.inside.ahead())) < body.length {
		if err := v.listen(); err != nil {
			return badAnswer{err}
		}
	}
	swapKeys(v.inside.ahead()[:body.length], in.session, in.to)
	return nil
}

// inPlaceOf ends an upload and says why its answer is not passed on.
func (v *visit) inPlaceOf(w wish, upload <-chan error, err error) error {
	v.drop()
	_ = v.uploaded(upload) // the answer's error says more
	return v.noAnswer(w, err)
}

// noAnswer says why there is no answer from inside.
func (v *visit) noAnswer(w wish, err error) error {
	v.drop()
	var bad badAnswer
	switch {
	case errors.Is(err, errDone), errors.Is(err, errGone), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &bad):
		return v.refuse(w, 502, "the server inside gave an answer that is not understood: "+bad.Error())
	case errors.Is(err, tunnel.ErrRefused), errors.Is(err, errEarly):
		return v.unavailable(w, "It is starting. This page looks again by itself.")
	case errors.Is(err, tunnel.ErrTooMany):
		return v.unavailable(w, "Too many connections into the sandbox are open.")
	case errors.Is(err, tunnel.ErrNotAllowed):
		return v.refuse(w, 502, "this port of the sandbox may not be reached")
	}
	return v.unavailable(w, "The way into the sandbox is interrupted. berth opens it again; this page looks again by itself.")
}
