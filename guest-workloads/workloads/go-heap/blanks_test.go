package main

import (
	"runtime"
	"testing"
)

// takeWhatIsFree leaves a heap as a program has it that has just begun, whatever other tests have dropped.
func takeWhatIsFree() (kept [][]byte) {
	runtime.GC()
	for {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		if stats.HeapIdle < 8<<20 {
			return kept
		}
		kept = append(kept, make([]byte, blankBytes))
	}
}

func TestBlanksAreMemoryThatWasFullOfBytes(t *testing.T) {
	kept := takeWhatIsFree()
	defer runtime.KeepAlive(kept)
	b := newBlanks(4<<20, 7)
	for round := 0; round < 3; round++ {
		was := pagesOf(b.full)
		for _, one := range b.full {
			if !one.holds() {
				t.Fatalf("round %d: a block at %#x is not full of its bytes", round, one.address())
			}
		}
		b.change()
		again := 0
		for _, one := range b.zero {
			if compare(one.words, zero) != nil {
				t.Fatalf("round %d: a block at %#x is not zero", round, one.address())
			}
			if was[pageOf(one)] {
				again++
			}
		}
		// Something else may have got a little of it.
		if again < len(b.zero)/2 {
			t.Errorf("round %d: %d of %d blocks were full of bytes before", round, again, len(b.zero))
		}
	}
}

func TestNoBlanksCostNothing(t *testing.T) {
	b := newBlanks(0, 7)
	b.change()
	if len(b.zero)+len(b.full) != 0 || b.address() != 0 {
		t.Errorf("%d blocks", len(b.zero)+len(b.full))
	}
}
