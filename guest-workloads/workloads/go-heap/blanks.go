package main

import "runtime"

const (
	blankBytes = 64 << 10
	// What else the heap may have free, in blanks of one half, before it comes to what was full of bytes.
	othersFree = 4
)

// blanks is memory in two halves: one is as the heap handed it out, zero, and nobody has written to it since; the other is
// full of bytes. change() has the heap make one of the other, so that pages which a snapshot has full of bytes are zero, and
// in use, in the next.
type blanks struct {
	each       int // Blocks in a half.
	seed       uint64
	zero, full []*block
}

func newBlanks(bytes size, seed uint64) *blanks {
	b := &blanks{each: int((bytes + blankBytes - 1) / blankBytes), seed: seed}
	b.zero = b.take(nil)
	b.change()
	return b
}

// change fills what was zero, gives what was full back to the heap, and takes it again, set to zero by the runtime.
func (b *blanks) change() {
	if b.each == 0 {
		return
	}
	wanted := pagesOf(b.full)
	b.full, b.zero = b.zero, nil
	for _, one := range b.full {
		one.fill()
	}
	runtime.GC()
	b.zero = b.take(wanted)
}

// take prefers blocks in the pages that are wanted. The heap hands out the lowest address first, and may have others free.
func (b *blanks) take(wanted map[uintptr]bool) []*block {
	most := b.each
	if len(wanted) != 0 {
		most *= 1 + othersFree
	}
	var those, others []*block
	for len(those) < b.each && len(those)+len(others) < most {
		one := &block{words: make([]uint64, blankBytes/wordBytes), key: key{Seed: b.seed}}
		if wanted[pageOf(one)] {
			those = append(those, one)
		} else {
			others = append(others, one)
		}
	}
	return append(those, others[:b.each-len(those)]...)
}

// pageOf is the number of the page in its middle.
func pageOf(one *block) uintptr { return (one.address() + blankBytes/2) / pageBytes }

func pagesOf(blocks []*block) map[uintptr]bool {
	pages := map[uintptr]bool{}
	for _, one := range blocks {
		for at := one.address(); at < one.address()+blankBytes; at += pageBytes {
			pages[at/pageBytes] = true
		}
	}
	return pages
}

func (b *blanks) verify(f *findings) {
	for _, one := range b.zero {
		f.verifyBlank(one)
	}
}

// address tells where the first one is that is zero; 0 when there is none.
func (b *blanks) address() uint64 {
	if len(b.zero) == 0 {
		return 0
	}
	return uint64(b.zero[0].address())
}
