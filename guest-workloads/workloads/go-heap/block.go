package main

import (
	"encoding/binary"
	"unsafe"
)

const (
	pageBytes = 4096
	wordBytes = 8
	golden    = 0x9e3779b97f4a7c15 // 2^64 / golden ratio.
	// How far back examine() looks for what a page held.
	generationsKnown = 64
	bytesShown       = 32
	smallestWords    = 4
)

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): nearby keys get unrelated patterns.
func mix(x uint64) uint64 {
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// key names what was written. All bytes follow from it, so nothing has to be remembered to check them later, and old
// bytes tell which write they come from.
type key struct {
	Seed       uint64 `json:"seed"`
	Index      uint32 `json:"index"`      // Of the allocation.
	Generation uint32 `json:"generation"` // How often it was written in place since.
}

// pattern is what a key's words hold.
type pattern uint64

func (k key) pattern() pattern {
	return pattern(mix(mix(k.Seed+golden) ^ (uint64(k.Generation)<<32 | uint64(k.Index))))
}

func (p pattern) at(i int) uint64 {
	word := uint64(p) + uint64(i+1)*golden
	return word ^ word>>32
}

// choice is a cheap generator for choices: SplitMix64.
type choice uint64

func (c *choice) below(bound int) int {
	*c += golden
	return int(mix(uint64(*c)) >> 32 * uint64(bound) >> 32)
}

// block is memory of Go's heap, filled from its key. The first and the last word are canaries: they tell the block's own
// address, which does not change as Go's collector moves nothing. So bytes of another place do not go unseen.
type block struct {
	words []uint64
	key   key
}

func (b *block) bytes() int       { return len(b.words) * wordBytes }
func (b *block) address() uintptr { return uintptr(unsafe.Pointer(&b.words[0])) }

func addressOf[T any](object *T) uint64 { return uint64(uintptr(unsafe.Pointer(object))) }

func (b *block) canary(i int) uint64 {
	return mix(uint64(b.address()+uintptr(i)*wordBytes) ^ b.key.Seed*golden)
}

// expected is one word: the slow way, for reports.
func (b *block) expected(i int) uint64 {
	if i == 0 || i == len(b.words)-1 {
		return b.canary(i)
	}
	return b.key.pattern().at(i)
}

func (b *block) fill() {
	p, last := b.key.pattern(), len(b.words)-1
	for i := 1; i < last; i++ {
		b.words[i] = p.at(i)
	}
	b.words[0], b.words[last] = b.canary(0), b.canary(last)
}

// holds tells whether every byte is what fill wrote.
func (b *block) holds() bool {
	p, last := b.key.pattern(), len(b.words)-1
	difference := (b.words[0] ^ b.canary(0)) | (b.words[last] ^ b.canary(last))
	for i := 1; i < last; i++ {
		difference |= b.words[i] ^ p.at(i)
	}
	return difference == 0
}

// held is what the page of the first wrong byte holds instead, as far as the block reaches into it.
type held int

const (
	other held = iota
	zeros
	earlierGeneration // What this block held before it was written in place.
)

// damage is a difference between what is and what should be.
type damage struct {
	offset     int // In the block, of the first wrong byte.
	held       held
	generation uint32 // For earlierGeneration.
	expected   []byte // From offset on; as many of read.
	read       []byte
}

func zero(int) uint64 { return 0 }

func compare(words []uint64, expected func(int) uint64) *damage {
	first := 0
	for first < len(words) && words[first] == expected(first) {
		first++
	}
	if first == len(words) {
		return nil
	}
	d := &damage{offset: first * wordBytes}
	for difference := words[first] ^ expected(first); difference&0xff == 0; difference >>= 8 {
		d.offset++
	}
	for i := first; i < len(words) && i <= first+bytesShown/wordBytes; i++ {
		d.expected = binary.LittleEndian.AppendUint64(d.expected, expected(i))
		d.read = binary.LittleEndian.AppendUint64(d.read, words[i])
	}
	skipped := d.offset % wordBytes
	shown := len(d.read) - skipped
	if shown > bytesShown {
		shown = bytesShown
	}
	d.expected, d.read = d.expected[skipped:skipped+shown], d.read[skipped:skipped+shown]
	return d
}

func are(words []uint64, expected func(int) uint64, first, end int) bool {
	for i := first; i < end; i++ {
		if words[i] != expected(i) {
			return false
		}
	}
	return true
}

// examine returns nil when the block holds what fill wrote.
func (b *block) examine() *damage {
	d := compare(b.words, b.expected)
	if d == nil {
		return nil
	}
	first, end := b.pageOf(d.offset)
	if are(b.words, zero, first, end) {
		d.held = zeros
	}
	earlier := block{words: b.words, key: b.key}
	for back := 0; back < generationsKnown && earlier.key.Generation > 0; back++ {
		earlier.key.Generation--
		if are(b.words, earlier.expected, first, end) {
			d.held, d.generation = earlierGeneration, earlier.key.Generation
			break
		}
	}
	return d
}

// examineZeroed is the same for a block that was just handed out, and has not been filled since.
func (b *block) examineZeroed() *damage { return compare(b.words, zero) }

// pageOf returns which words of the block are in the page of that byte of it.
func (b *block) pageOf(offset int) (first, end int) {
	page := (b.address() + uintptr(offset)) &^ (pageBytes - 1)
	if page > b.address() {
		first = int(page-b.address()) / wordBytes
	}
	end = int(page+pageBytes-b.address()) / wordBytes
	if end > len(b.words) {
		end = len(b.words)
	}
	return first, end
}
