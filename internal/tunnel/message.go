package tunnel

import (
	"encoding/binary"
	"fmt"
	"io"
)

// kind says what a message is.
type kind byte

const (
	kindHello   kind = iota + 1 // inside: first, by socket with the nonce; host, by socket: welcome
	kindStatus                  // inside: a Status
	kindDial                    // host: connect to Port
	kindDialled                 // inside: how that went
	kindProxy                   // inside: stream ID, or the descriptor beside, is one of the proxy's
	kindData                    // either, by exec, as what follows: bytes of stream ID
	kindCredit                  // so many bytes more may be sent on stream ID
	kindEnd                     // nothing more is sent on stream ID
	kindGone                    // stream ID is no longer read
	kindNone                    // none: one past the last
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

// putHead writes the head of a message whose body has so many bytes.
func (m message) putHead(p []byte, length int) {
	p[0], p[1] = byte(m.Kind), m.Code
	binary.BigEndian.PutUint16(p[2:], m.Port)
	binary.BigEndian.PutUint32(p[4:], m.ID)
	binary.BigEndian.PutUint32(p[8:], uint32(length))
}

// appendTo writes the message behind p.
func (m message) appendTo(p []byte) []byte {
	var head [headLength]byte
	m.putHead(head[:], len(m.Body))
	return append(append(p, head[:]...), m.Body...)
}

func (m message) encode() []byte { return m.appendTo(nil) }

// parseHead reads a head and the length of the body behind it, of which data may have a piece and else a message has
// what is left to it.
func parseHead(p []byte) (message, int, error) {
	m := message{
		Kind: kind(p[0]), Code: p[1],
		Port: binary.BigEndian.Uint16(p[2:]), ID: binary.BigEndian.Uint32(p[4:]),
	}
	length, most := binary.BigEndian.Uint32(p[8:]), uint32(maxMessage-headLength)
	if m.Kind == kindData {
		most = pieceSize
	}
	switch {
	case m.Kind == 0 || m.Kind >= kindNone:
		return message{}, 0, fmt.Errorf("message of kind %d: %w", m.Kind, ErrProtocol)
	case length > most:
		return message{}, 0, fmt.Errorf("message of %d bytes: %w", uint64(length)+headLength, ErrProtocol)
	}
	return m, int(length), nil
}

// readMessage takes one message from a stream and nothing behind it.
func readMessage(r io.Reader) (message, error) {
	var head [headLength]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return message{}, err
	}
	m, length, err := parseHead(head[:])
	if err != nil || length == 0 {
		return m, err
	}
	m.Body = make([]byte, length)
	_, err = io.ReadFull(r, m.Body)
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

// answer gives the error a dial's answer stands for.
func (m message) answer() error {
	err, known := answers[answer(m.Code)]
	if m.Kind != kindDialled || !known {
		return fmt.Errorf("an answer that is none: %w", ErrProtocol)
	}
	return err
}

// credit gives the amount of a kindCredit.
func (m message) credit() (int, error) {
	if len(m.Body) != 4 || binary.BigEndian.Uint32(m.Body) > window {
		return 0, fmt.Errorf("a credit that is none: %w", ErrProtocol)
	}
	return int(binary.BigEndian.Uint32(m.Body)), nil
}
