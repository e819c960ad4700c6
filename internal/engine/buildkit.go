package engine

import (
	"encoding/binary"
	"errors"
	"regexp"
	"strings"
)

// BuildKit tells what it does in messages of its own form inside the stream, "moby.buildkit.trace": the protobuf
// StatusResponse of github.com/moby/buildkit/api/services/control. Three of its fields say all that a log needs.
const (
	traceVertex = 1 // of StatusResponse: a step
	traceLog    = 3 // of StatusResponse: output of a step

	vertexName    = 3 // "[build 3/9] RUN make"
	vertexStarted = 5
	logText       = 4
)

// vertexStep finds stage and number in a step's name.
var vertexStep = regexp.MustCompile(`^\[(?:\S+ +)?(\d+/\d+)\] (.*)$`)

var errTrace = errors.New("a message of BuildKit's is cut off")

// traced turns one message into the lines that the classic builder would write.
func traced(message []byte) (string, error) {
	var out strings.Builder
	err := eachField(message, func(field uint64, value []byte) error {
		switch field {
		case traceVertex:
			return writeStep(&out, value)
		case traceLog:
			return eachField(value, func(field uint64, value []byte) error {
				if field == logText {
					out.Write(value)
				}
				return nil
			})
		}
		return nil
	})
	return out.String(), err
}

// writeStep announces a step of a Dockerfile when it starts. Steps of BuildKit's own have no number.
func writeStep(out *strings.Builder, vertex []byte) error {
	var name string
	started := false
	err := eachField(vertex, func(field uint64, value []byte) error {
		switch field {
		case vertexName:
			name = string(value)
		case vertexStarted:
			started = true
		case vertexStarted + 1: // completed: it was told before
			name = ""
		}
		return nil
	})
	if step := vertexStep.FindStringSubmatch(name); step != nil && started {
		out.WriteString("Step " + step[1] + " : " + step[2] + "\n")
	}
	return err
}

// eachField walks a protobuf message; numbers are handed on as nothing.
func eachField(message []byte, each func(field uint64, value []byte) error) error {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 {
			return errTrace
		}
		message = message[n:]
		var value []byte
		size := uint64(0)
		switch tag & 7 {
		case 0: // a number
			if _, n = binary.Uvarint(message); n <= 0 {
				return errTrace
			}
			size = uint64(n)
		case 1:
			size = 8
		case 5:
			size = 4
		case 2: // bytes
			if size, n = binary.Uvarint(message); n <= 0 || size > uint64(len(message)-n) {
				return errTrace
			}
			message = message[n:]
			value = message[:size]
		default:
			return errTrace
		}
		if size > uint64(len(message)) {
			return errTrace
		}
		message = message[size:]
		if err := each(tag>>3, value); err != nil {
			return err
		}
	}
	return nil
}
