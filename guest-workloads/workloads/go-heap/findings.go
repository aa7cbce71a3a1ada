package main

import (
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
)

const (
	heapCorruption = "heap-corruption"
	lostWrite      = "lost-write"
	findingsKept   = 4096
)

// finding is a line of the contract; the agent knows it by its first field.
type finding struct {
	Type     string `json:"type"`
	ID       string `json:"id"`
	Message  string `json:"message"`
	Evidence any    `json:"evidence"`
}

// findings carries them from the goroutine that finds one to the one that writes, which may have to wait for long.
type findings struct {
	corruptions atomic.Uint64
	lostWrites  atomic.Uint64
	notZero     atomic.Bool   // Memory was, that the runtime handed out as zeros. Nobody may go on then.
	dropped     atomic.Uint64 // Were not kept, as too many waited to be written; they are counted all the same.
	mutex       sync.Mutex
	kept        []finding
}

func (f *findings) take(id, message string, evidence any) {
	if id == lostWrite {
		f.lostWrites.Add(1)
	} else {
		f.corruptions.Add(1)
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.kept) == findingsKept {
		f.dropped.Add(1)
		return
	}
	f.kept = append(f.kept, finding{"finding", id, message, evidence})
}

// contradiction is for what the program or the runtime keeps in two places.
func (f *findings) contradiction(what string, expected, read any) {
	f.take(heapCorruption, fmt.Sprintf("%s: expected %v, read %v", what, expected, read),
		map[string]any{"what": what, "expected": fmt.Sprint(expected), "read": fmt.Sprint(read)})
}

func (f *findings) writeTo(lines *lines) {
	f.mutex.Lock()
	kept := f.kept
	f.kept = nil
	f.mutex.Unlock()
	for _, one := range kept {
		lines.write(one)
	}
}

func (f *findings) none() bool { return f.corruptions.Load() == 0 && f.lostWrites.Load() == 0 }

// verify reports a block that does not hold what it should, and repairs it, so that it is told once.
func (f *findings) verify(b *block, where string) {
	if b.holds() {
		return
	}
	d := b.examine()
	if d == nil { // It was other bytes a moment ago.
		d = &damage{}
	}
	id, holds := heapCorruption, "other bytes"
	switch d.held {
	case zeros:
		id, holds = lostWrite, "zeros"
	case earlierGeneration:
		id, holds = lostWrite, fmt.Sprintf("generation %d", d.generation)
	}
	evidence := evidenceOf(b, d)
	evidence.Where, evidence.Holds = where, holds
	f.take(id, fmt.Sprintf("the block of %d bytes at %#x (%s) holds %s instead of generation %d", b.bytes(), b.address(),
		where, holds, b.key.Generation), evidence)
	b.fill()
}

// verifyZeroed is for a block that was just handed out.
func (f *findings) verifyZeroed(b *block) {
	if d := b.examineZeroed(); d != nil {
		f.take(heapCorruption, fmt.Sprintf("a block of %d bytes at %#x, just handed out, is not zero", b.bytes(),
			b.address()), evidenceOf(b, d))
		f.notZero.Store(true)
	}
}

// verifyBlank is for a block that was zero when it was handed out, and that nobody has written to since.
func (f *findings) verifyBlank(b *block) {
	if d := b.examineZeroed(); d != nil {
		f.take(heapCorruption, fmt.Sprintf("a block of %d bytes at %#x, handed out as zeros and not written to, is not zero",
			b.bytes(), b.address()), evidenceOf(b, d))
		f.notZero.Store(true)
	}
}

// damaged is the evidence of a block that does not hold what it should.
type damaged struct {
	Address  string `json:"address"`
	Bytes    int    `json:"bytes"`
	Offset   int    `json:"offset"` // Of the first wrong byte.
	Expected string `json:"expected"`
	Read     string `json:"read"`
	Block    key    `json:"block"`
	Where    string `json:"where,omitempty"`
	Holds    string `json:"holds,omitempty"`
	Physical string `json:"physical,omitempty"` // Address of the first wrong byte, which the host has a history of.
}

func evidenceOf(b *block, d *damage) *damaged {
	wrong := b.address() + uintptr(d.offset)
	evidence := &damaged{Address: fmt.Sprintf("%#x", b.address()), Bytes: b.bytes(), Offset: d.offset,
		Expected: hex.EncodeToString(d.expected), Read: hex.EncodeToString(d.read), Block: b.key}
	if physical, known := physicalAddress(wrong); known {
		evidence.Physical = fmt.Sprintf("%#x", physical)
	}
	return evidence
}
