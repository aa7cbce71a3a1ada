package main

import (
	"io"
	"strings"
	"testing"
)

type fixture struct {
	findings findings
	done     done
	workers  []*worker
	exchange *exchange
}

func twoWorkers() *fixture {
	f := &fixture{exchange: newExchange(2)}
	for i := 0; i < 2; i++ {
		w := newWorker(i, 1, f.exchange, &f.findings, &f.done)
		w.target.Store(1 << 20)
		f.workers = append(f.workers, w)
	}
	return f
}

func (f *fixture) work(steps int) {
	for i := 0; i < steps; i++ {
		for _, w := range f.workers {
			w.step()
		}
	}
}

func (f *fixture) verifyAll() {
	for _, w := range f.workers {
		w.verifyAll()
	}
	f.exchange.verifyAll(&f.findings)
}

func (f *fixture) expectFinding(t *testing.T, part string) {
	t.Helper()
	if f.verifyAll(); f.findings.corruptions.Load() != 1 || !strings.Contains(f.findings.kept[0].Message, part) {
		t.Errorf("expected one finding with '%s', got %+v", part, f.findings.kept)
	}
}

func TestWorkersFindNothingWrongWithEachOther(t *testing.T) {
	f := twoWorkers()
	f.work(5000)
	f.verifyAll()
	if !f.findings.none() || f.done.exchanged.Load() == 0 || f.done.chains.Load() == 0 {
		t.Errorf("got %+v", f.findings.kept)
	}
}

func TestAnEntryOfAMapThatChangesIsFound(t *testing.T) {
	f := twoWorkers()
	f.work(500)
	w := f.workers[1]
	w.book[entry(w.blocks[0].key)]++
	f.expectFinding(t, "map of goroutine 1")
}

func TestAnEntryOfAMapThatIsTooMuchIsFound(t *testing.T) {
	f := twoWorkers()
	f.work(500)
	f.workers[0].book["?"] = 0
	f.expectFinding(t, "entries in the map of goroutine 0")
}

func TestALinkThatLeadsElsewhereIsFound(t *testing.T) {
	f := twoWorkers()
	f.workers[0].lengthenChain()
	f.workers[0].chain.next = f.workers[0].chain.next.next
	f.expectFinding(t, "chain of goroutine 0")
}

func TestAParcelThatIsLostIsFound(t *testing.T) {
	f := twoWorkers()
	f.work(500)
	for len(f.exchange.inboxes[1]) == 0 {
		f.work(1)
	}
	<-f.exchange.inboxes[1]
	f.expectFinding(t, "parcels from goroutine")
}

func TestAParcelThatComesTwiceIsFound(t *testing.T) {
	f := twoWorkers()
	f.exchange.send(0, 1, f.workers[0].allocate(smallestWords))
	p := <-f.exchange.inboxes[1]
	f.exchange.inboxes[1] <- p
	f.exchange.inboxes[1] <- p
	f.exchange.receive(1, &f.findings)
	f.exchange.receive(1, &f.findings)
	if f.findings.corruptions.Load() != 1 {
		t.Errorf("got %+v", f.findings.kept)
	}
}

func TestAFinalizerOfAnObjectInUseIsFound(t *testing.T) {
	f := twoWorkers()
	w := f.workers[0]
	w.finalize(&guarded{block: w.allocate(smallestWords)})
	f.expectFinding(t, "state of an object whose finalizer runs")
}

func TestNobodyGoesOnAfterMemoryThatWasNotZero(t *testing.T) {
	w := newWork(options{resident: 1 << 20, growth: 1 << 20, goroutines: 2, cpu: 100}, strings.NewReader(""), io.Discard)
	stale := &block{words: make([]uint64, smallestWords)}
	w.findings.verifyZeroed(stale)
	if w.growFurther(); w.live() < 2<<20 {
		t.Errorf("a heap without damage grew to %d bytes only", w.live())
	}
	stale.words[1] = 1
	w.findings.verifyZeroed(stale)
	before := w.live()
	if w.growFurther(); w.live() != before || w.findings.corruptions.Load() != 1 {
		t.Errorf("got %+v", w.findings.kept)
	}
	defer func() {
		if recover() == nil {
			t.Error("the program went on")
		}
	}()
	w.endIfNotZero()
}
