package main

const blankWords = 64 << 10 / wordBytes

// blanks is memory as the heap handed it out: zero, and nobody has written to it. As a rule the heap had it before, and the
// runtime has set it to zero: pages that are zero and in use.
type blanks []*block

func newBlanks(bytes size) blanks {
	var all blanks
	for taken := size(0); taken < bytes; taken += blankWords * wordBytes {
		all = append(all, &block{words: make([]uint64, blankWords)})
	}
	return all
}

func (b blanks) verify(f *findings) {
	for _, one := range b {
		f.verifyBlank(one)
	}
}

// address tells where the first one is; 0 when there is none.
func (b blanks) address() uint64 {
	if len(b) == 0 {
		return 0
	}
	return uint64(b[0].address())
}
