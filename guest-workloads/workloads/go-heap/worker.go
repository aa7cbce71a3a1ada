package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
)

const (
	stepsAtOnce   = 16
	guardedKept   = 8
	longestChain  = 256
	deepest       = 64
	allocationsOf = 22 // Bits of a key's index that count a worker's allocations; the rest is its number.
)

// done is what goroutines have done, so that a pass can be told from a run of nothing.
type done struct {
	allocated, rewritten, verified, released, exchanged, chains, descents, guarded, finalized atomic.Uint64
}

// worker is one goroutine: it has blocks, and never more bytes in them than it is told to.
type worker struct {
	number   int
	name     string
	seed     uint64
	choice   choice
	target   atomic.Int64
	live     atomic.Int64 // Bytes.
	blocks   []*block
	book     map[string]uint64 // What the map of a program is: an entry for each block.
	chain    *link
	chained  int
	guarded  [guardedKept]*guarded
	taken    uint32 // Allocations.
	exchange *exchange
	findings *findings
	done     *done
}

func newWorker(number int, seed uint64, exchange *exchange, findings *findings, done *done) *worker {
	return &worker{number: number, name: fmt.Sprintf("goroutine %d", number), seed: seed, choice: choice(mix(seed) ^ uint64(number)), book: map[string]uint64{},
		exchange: exchange, findings: findings, done: done}
}

// step is more of what brings it nearer to its target, and a little of everything else.
func (w *worker) step() {
	below := w.isBelowTarget()
	switch c := w.choice.below(64); {
	case c == 0:
		w.descend()
	case c < 4:
		w.lengthenChain()
	case c < 8:
		w.replaceGuarded()
	case c < 36 && below, len(w.blocks) == 0 && below:
		w.grow()
	case len(w.blocks) == 0:
	case c < 44:
		w.release(w.takeOut(w.choice.below(len(w.blocks))))
	case c < 56:
		w.rewrite(w.blocks[w.choice.below(len(w.blocks))])
	default:
		w.passOn()
	}
}

func (w *worker) isBelowTarget() bool { return w.live.Load() < w.target.Load() }

// chooseWords: most are small; some are larger than any size class (32 KiB), and have a span of their own.
func (w *worker) chooseWords() int {
	most := 128
	switch c := w.choice.below(64); {
	case c == 63:
		most = 256 << 10 / wordBytes
	case c >= 60:
		most = 64 << 10 / wordBytes
	case c >= 48:
		most = 8 << 10 / wordBytes
	}
	return smallestWords + w.choice.below(most-smallestWords)
}

func (w *worker) allocate(words int) *block {
	w.taken++
	b := &block{words: make([]uint64, words), key: key{Seed: w.seed, Index: w.index(w.taken)}}
	w.findings.verifyZeroed(b)
	b.fill()
	w.done.allocated.Add(1)
	return b
}

func (w *worker) index(allocation uint32) uint32 {
	return uint32(w.number)<<allocationsOf | allocation&(1<<allocationsOf-1)
}

func (w *worker) grow() { w.putIn(w.allocate(w.chooseWords())) }

func (w *worker) verify(b *block) {
	w.findings.verify(b, w.name)
	w.done.verified.Add(1)
}

func (w *worker) release(b *block) {
	w.verify(b)
	w.done.released.Add(1)
}

func (w *worker) rewrite(b *block) {
	w.verify(b)
	b.key.Generation++
	b.fill()
	w.done.rewritten.Add(1)
}

// passOn: a block is then dropped by another goroutine than the one that took it.
func (w *worker) passOn() {
	at := w.choice.below(len(w.blocks))
	if w.exchange.send(w.number, w.choice.below(w.exchange.size()), w.blocks[at]) {
		w.takeOut(at)
		w.done.exchanged.Add(1)
	}
	if b := w.exchange.receive(w.number, w.findings); b != nil {
		w.putIn(b)
	}
}

// ---- its blocks, and the map beside them

func entry(k key) string { return fmt.Sprintf("block %d of %d", k.Index, k.Seed) }

func (w *worker) putIn(b *block) {
	w.blocks = append(w.blocks, b)
	w.book[entry(b.key)] = mix(uint64(b.key.Index))
	w.live.Add(int64(b.bytes()))
}

func (w *worker) takeOut(at int) *block {
	b, last := w.blocks[at], len(w.blocks)-1
	w.blocks[at], w.blocks[last] = w.blocks[last], nil
	w.blocks = w.blocks[:last]
	w.verifyEntry(b)
	delete(w.book, entry(b.key))
	w.live.Add(-int64(b.bytes()))
	return b
}

func (w *worker) verifyEntry(b *block) {
	if read, expected := w.book[entry(b.key)], mix(uint64(b.key.Index)); read != expected {
		w.findings.contradiction(fmt.Sprintf("map of %s, entry '%s'", w.name, entry(b.key)), expected, read)
	}
}

// verifyAll is for whoever holds it. Returns how many blocks there are.
func (w *worker) verifyAll() int {
	for _, b := range w.blocks {
		w.verify(b)
		w.verifyEntry(b)
	}
	entries := 0
	for range w.book {
		entries++
	}
	if entries != len(w.blocks) || len(w.book) != len(w.blocks) {
		w.findings.contradiction("entries in the map of "+w.name, len(w.blocks), entries)
	}
	w.verifyChain()
	return len(w.blocks)
}

// ---- a chain: objects that are found by the pointers in each other only

type link struct {
	next, previous *link
	position       uint64
	mark           uint64
}

func (w *worker) markOf(position uint64) uint64 { return mix(w.seed ^ uint64(w.number)<<32 ^ position) }

func (w *worker) lengthenChain() {
	for i := 0; i < longestChain/8; i++ {
		added := &link{next: w.chain, position: uint64(w.chained), mark: w.markOf(uint64(w.chained))}
		if w.chain != nil {
			w.chain.previous = added
		}
		w.chain = added
		w.chained++
	}
	if w.chained >= longestChain {
		w.verifyChain()
		w.chain, w.chained = nil, 0
		w.done.chains.Add(1)
	}
}

func (w *worker) verifyChain() {
	what := "chain of " + w.name
	position := uint64(w.chained)
	for at, before := w.chain, (*link)(nil); at != nil; at, before = at.next, at {
		position--
		if at.position != position || at.mark != w.markOf(position) {
			w.findings.contradiction(what+", a link", [2]uint64{position, w.markOf(position)},
				[2]uint64{at.position, at.mark})
			return
		}
		if at.previous != before {
			w.findings.contradiction(what+", the link before another", fmt.Sprintf("%p", before),
				fmt.Sprintf("%p", at.previous))
			return
		}
	}
	if position != 0 {
		w.findings.contradiction(what+", links", w.chained, w.chained-int(position))
	}
}

// ---- objects with finalizers: the runtime must run one once, after the object was dropped, and with all its bytes

const (
	inUse uint32 = iota
	dropped
	finalized
)

type guarded struct {
	block *block
	state atomic.Uint32
}

func (w *worker) replaceGuarded() {
	at := w.choice.below(guardedKept)
	if old := w.guarded[at]; old != nil {
		old.state.Store(dropped)
	}
	g := &guarded{block: w.allocate(smallestWords + w.choice.below(1024))}
	runtime.SetFinalizer(g, w.finalize)
	w.guarded[at] = g
	w.done.guarded.Add(1)
}

func (w *worker) finalize(g *guarded) {
	if state := g.state.Swap(finalized); state != dropped {
		w.findings.contradiction("state of an object whose finalizer runs", dropped, state)
	}
	w.findings.verify(g.block, "an object whose finalizer runs")
	w.done.finalized.Add(1)
}

// ---- a stack that has to grow, which moves it

func (w *worker) descend() {
	k := key{Seed: w.seed, Index: w.index(0)}
	if level, wrong := descend(1+w.choice.below(deepest), k.pattern()); wrong {
		w.findings.take(heapCorruption, fmt.Sprintf("the stack of %s has other bytes than were put there, in call %d",
			w.name, level), map[string]any{"goroutine": w.number, "call": level})
	}
	w.done.descents.Add(1)
}

//go:noinline
func descend(level int, p pattern) (where int, wrong bool) {
	var frame [64]uint64
	for i := range frame {
		frame[i] = p.at(level*len(frame) + i)
	}
	if level > 0 {
		where, wrong = descend(level-1, p)
	}
	for i, word := range frame {
		if word != p.at(level*len(frame)+i) {
			return level, true
		}
	}
	return where, wrong
}
