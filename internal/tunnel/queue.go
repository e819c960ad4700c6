package tunnel

import "sync"

const blockSize = 64 << 10

type block [blockSize]byte

// blocks in use are as many as bytes wait to be read need.
var blocks = sync.Pool{New: func() any { return new(block) }}

// queue holds what came for a stream and was not read yet. One goroutine fills it, one reads it; both may use the bytes
// they were given without the lock under which they call.
type queue struct {
	blocks   []*block
	from, to int  // read of the first block; filled of the last
	filling  bool // somebody holds room
}

// size is how many bytes of memory it holds.
func (q *queue) size() int { return len(q.blocks) * blockSize }

// room gives where the next bytes go, at least one, until filled is called.
func (q *queue) room() []byte {
	if len(q.blocks) == 0 || q.to == blockSize {
		if len(q.blocks) == 0 {
			q.from = 0
		}
		q.blocks, q.to = append(q.blocks, blocks.Get().(*block)), 0
	}
	q.filling = true
	return q.blocks[len(q.blocks)-1][q.to:]
}

// filled tells how many bytes of room there are now.
func (q *queue) filled(n int) {
	q.filling = false
	q.to += n
}

// ahead gives the next bytes to read, none when there are none.
func (q *queue) ahead() []byte {
	switch len(q.blocks) {
	case 0:
		return nil
	case 1:
		return q.blocks[0][q.from:q.to]
	}
	return q.blocks[0][q.from:]
}

// take removes n bytes of ahead. An empty queue holds no block.
func (q *queue) take(n int) {
	q.from += n
	if q.from < blockSize && (q.filling || len(q.blocks) > 1 || q.from < q.to) {
		return
	}
	blocks.Put(q.blocks[0])
	q.blocks[0] = nil
	q.blocks, q.from = q.blocks[1:], 0
	if len(q.blocks) == 0 {
		q.blocks = nil
	}
}

// drop lets go of all. Somebody may still use the blocks, so that nobody else gets them.
func (q *queue) drop() { q.blocks, q.from, q.to = nil, 0, 0 }
