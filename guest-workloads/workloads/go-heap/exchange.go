package main

import "fmt"

const inboxSize = 4

// parcel is a block on its way from one goroutine to another.
type parcel struct {
	from   int
	number uint64 // From that sender to this receiver, from 1 on.
	block  *block
}

// exchange is the goroutines' channels, and what must be true of them: none is lost, none comes twice, order is kept.
// Each row and column of the counts belongs to one goroutine.
type exchange struct {
	inboxes  []chan parcel
	sent     [][]uint64 // [from][to]
	received [][]uint64 // [to][from]
}

func newExchange(size int) *exchange {
	e := &exchange{}
	for i := 0; i < size; i++ {
		e.inboxes = append(e.inboxes, make(chan parcel, inboxSize))
		e.sent = append(e.sent, make([]uint64, size))
		e.received = append(e.received, make([]uint64, size))
	}
	return e
}

func (e *exchange) size() int { return len(e.inboxes) }

// send returns false when the inbox is full.
func (e *exchange) send(from, to int, b *block) bool {
	select {
	case e.inboxes[to] <- parcel{from, e.sent[from][to] + 1, b}:
		e.sent[from][to]++
		return true
	default:
		return false
	}
}

// receive returns nil when there is nothing.
func (e *exchange) receive(to int, f *findings) *block {
	select {
	case p := <-e.inboxes[to]:
		e.received[to][p.from]++
		if expected := e.received[to][p.from]; p.number != expected {
			f.contradiction(fmt.Sprintf("parcel from goroutine %d to %d", p.from, to), expected, p.number)
			e.received[to][p.from] = p.number
		}
		return p.block
	default:
		return nil
	}
}

// verifyAll is for whoever holds all goroutines. Returns how many blocks are on their way.
func (e *exchange) verifyAll(f *findings) int {
	waiting := 0
	for to, inbox := range e.inboxes {
		come := append([]uint64(nil), e.received[to]...)
		for i := len(inbox); i > 0; i-- {
			p := <-inbox
			f.verify(p.block, "a channel")
			come[p.from]++
			waiting++
			inbox <- p
		}
		for from := range e.sent {
			if e.sent[from][to] != come[from] {
				f.contradiction(fmt.Sprintf("parcels from goroutine %d to %d", from, to), e.sent[from][to], come[from])
				e.received[to][from] += e.sent[from][to] - come[from]
			}
		}
	}
	return waiting
}
