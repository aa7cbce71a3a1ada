package main

import (
	"bytes"
	"testing"
)

// lastFilled keeps blocks off stacks, which move.
var lastFilled *block

func filled(words int) *block {
	b := &block{words: make([]uint64, words), key: key{Seed: 1, Index: 7, Generation: 3}}
	lastFilled = b
	b.fill()
	return b
}

func TestABlockHoldsWhatItsKeySays(t *testing.T) {
	for _, words := range []int{smallestWords, 100, 3000} {
		if b := filled(words); !b.holds() || b.examine() != nil {
			t.Errorf("%d words: not what was filled in", words)
		}
	}
}

func TestEveryByteCounts(t *testing.T) {
	b := filled(100)
	for offset := 0; offset < b.bytes(); offset++ {
		wrong := uint64(0x40) << (offset % wordBytes * 8)
		b.words[offset/wordBytes] ^= wrong
		d := b.examine()
		if b.holds() || d == nil || d.offset != offset || d.held != other {
			t.Fatalf("byte %d: got %+v", offset, d)
		}
		if len(d.read) != len(d.expected) || len(d.read) == 0 || d.read[0] != d.expected[0]^0x40 {
			t.Fatalf("byte %d: got %x instead of %x", offset, d.read, d.expected)
		}
		b.words[offset/wordBytes] ^= wrong
	}
}

func TestBytesOfAnotherPlaceAreDamage(t *testing.T) {
	b, same := filled(100), filled(100)
	copy(b.words, same.words)
	if d := b.examine(); d == nil || d.offset >= wordBytes {
		t.Errorf("got %+v instead of damage in the first word", d)
	}
}

func TestAPageOfZerosIsALostWrite(t *testing.T) {
	b := filled(4 * pageBytes / wordBytes)
	first, end := b.pageOf(2 * pageBytes)
	for i := first; i < end; i++ {
		b.words[i] = 0
	}
	if d := b.examine(); d == nil || d.held != zeros || d.offset != first*wordBytes {
		t.Errorf("got %+v", d)
	}
}

func TestAPageOfAnEarlierGenerationIsALostWrite(t *testing.T) {
	b := filled(4 * pageBytes / wordBytes)
	old := append([]uint64(nil), b.words...)
	b.key.Generation += 5
	b.fill()
	first, end := b.pageOf(2 * pageBytes)
	copy(b.words[first:end], old[first:end])
	if d := b.examine(); d == nil || d.held != earlierGeneration || d.generation != 3 {
		t.Errorf("got %+v", d)
	}
}

func TestWhatIsHandedOutMustBeZero(t *testing.T) {
	b := &block{words: make([]uint64, 100)}
	if b.examineZeroed() != nil {
		t.Error("zeros are no damage")
	}
	b.words[50] = 0x1234 << 16
	d := b.examineZeroed()
	if d == nil || d.offset != 50*wordBytes+2 || !bytes.HasPrefix(d.read, []byte{0x34, 0x12}) {
		t.Errorf("got %+v", d)
	}
}

func TestDamageIsReportedOnceAndRepaired(t *testing.T) {
	var f findings
	b := filled(100)
	b.words[50]++
	f.verify(b, "a test")
	f.verify(b, "a test")
	if f.corruptions.Load() != 1 || len(f.kept) != 1 || !b.holds() {
		t.Errorf("%d corruptions, %d findings", f.corruptions.Load(), len(f.kept))
	}
}
