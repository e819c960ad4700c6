package tui

import "sync"

// feed carries a stream from a goroutine of the backend to the model. The writer never waits: what the model has not
// taken yet is gathered and taken at once, the oldest dropped beyond most.
type feed[T any] struct {
	mu     sync.Mutex
	items  []T
	most   int
	ended  bool
	err    error
	signal chan struct{}
}

func newFeed[T any](most int) *feed[T] {
	return &feed[T]{most: most, signal: make(chan struct{}, 1)}
}

func (f *feed[T]) put(item T) {
	f.mu.Lock()
	if len(f.items) >= 2*f.most {
		f.items = append(f.items[:0], f.items[len(f.items)-f.most:]...)
	}
	f.items = append(f.items, item)
	f.mu.Unlock()
	f.wake()
}

// end says that nothing more comes.
func (f *feed[T]) end(err error) {
	f.mu.Lock()
	f.ended, f.err = true, err
	f.mu.Unlock()
	f.wake()
}

func (f *feed[T]) wake() {
	select {
	case f.signal <- struct{}{}:
	default:
	}
}

// take waits for something new and gives all of it; ended is true when nothing will follow.
func (f *feed[T]) take() (items []T, ended bool, err error) {
	<-f.signal
	f.mu.Lock()
	defer f.mu.Unlock()
	items, f.items = f.items, nil
	return items, f.ended, f.err
}
