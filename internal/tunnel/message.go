package tunnel

import (
	"encoding/binary"
	"fmt"
	"io"
)

// kind says what a message is.
type kind byte

const (
	kindHello   kind = iota + 1 // inside: first on the control stream, with the nonce; host, by socket: welcome
	kindControl                 // inside, by exec: this stream is the control stream
	kindStatus                  // inside: a Status
	kindDial                    // host: connect to Port
	kindDialled                 // inside: how that went
	kindProxy                   // inside: this stream, or the descriptor beside, is one of the proxy's
	kindGone                    // either, by exec: stream ID is no longer read
	kindEnd                     // none: one past the last
)

// answer is how a dial went.
type answer byte

const (
	answerYes answer = iota
	answerNotAllowed
	answerRefused
	answerTooMany
)

// answers gives each answer's error; what stands not here is a breach of the protocol.
var answers = map[answer]error{
	answerYes: nil, answerNotAllowed: ErrNotAllowed, answerRefused: ErrRefused, answerTooMany: ErrTooMany,
}

// message is what the two ends say to each other: kind, code, port, id, length of the body, body.
type message struct {
	Kind kind
	Code byte
	Port uint16
	ID   uint32
	Body []byte
}

const headLength = 12

func (m message) encode() []byte {
	p := make([]byte, headLength, headLength+len(m.Body))
	p[0], p[1] = byte(m.Kind), m.Code
	binary.BigEndian.PutUint16(p[2:], m.Port)
	binary.BigEndian.PutUint32(p[4:], m.ID)
	binary.BigEndian.PutUint32(p[8:], uint32(len(m.Body)))
	return append(p, m.Body...)
}

// readMessage takes one message from a stream and nothing behind it.
func readMessage(r io.Reader) (message, error) {
	var head [headLength]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return message{}, err
	}
	m := message{
		Kind: kind(head[0]), Code: head[1],
		Port: binary.BigEndian.Uint16(head[2:]), ID: binary.BigEndian.Uint32(head[4:]),
	}
	length := binary.BigEndian.Uint32(head[8:])
	switch {
	case m.Kind == 0 || m.Kind >= kindEnd:
		return message{}, fmt.Errorf("message of kind %d: %w", m.Kind, ErrProtocol)
	case length > maxMessage-headLength:
		return message{}, fmt.Errorf("message of %d bytes: %w", uint64(length)+headLength, ErrProtocol)
	case length == 0:
		return m, nil
	}
	m.Body = make([]byte, length)
	_, err := io.ReadFull(r, m.Body)
	return m, err
}

func (s Status) message() message {
	m := message{Kind: kindStatus}
	if s.Ready {
		m.Code = 1
	}
	for _, port := range s.Listening {
		m.Body = binary.BigEndian.AppendUint16(m.Body, port)
	}
	return m
}

// status reads what Status.message wrote.
func (m message) status() (Status, error) {
	if m.Code > 1 || len(m.Body)%2 != 0 || len(m.Body) > 2*maxStreams {
		return Status{}, fmt.Errorf("a status that is none: %w", ErrProtocol)
	}
	s := Status{Ready: m.Code == 1}
	for at := 0; at < len(m.Body); at += 2 {
		s.Listening = append(s.Listening, binary.BigEndian.Uint16(m.Body[at:]))
	}
	return s, nil
}
