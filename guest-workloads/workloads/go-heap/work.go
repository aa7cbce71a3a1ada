package main

import (
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

const (
	tick       = 500 * time.Millisecond
	growTick   = 10 * time.Millisecond
	anchorName = "the anchor"
	// Two pages or three, and no small block.
	anchorWords = 9 << 10 / wordBytes
	anchorIndex = 1<<32 - 1
)

// phase is what the heap does: it grows and shrinks as if it breathed.
type phase int

const (
	in phase = iota // Growing, and then full.
	out
	resting // Small; free memory is the kernel's, and stays there long enough to go on to the host.
)

func (p phase) String() string { return [...]string{"in", "out", "rest"}[p] }

// work is the life of go-heap: goroutines, and the commands meanwhile.
//
// A check holds all goroutines, has the heap grow when options say so, verifies every object and compares what the program
// and the runtime count. Memory that should be zero and is not ends the program. `collect` is a full collection.
// `quiesce` has the runtime run one goroutine at a time and, unless options say that goroutines go on, holds them until
// `resume`.
type work struct {
	options   options
	commands  <-chan string
	lines     *lines
	findings  findings
	done      done
	pace      *pace
	gate      sync.RWMutex // Goroutines pass it between pieces of work; held: the lock is.
	exchange  *exchange
	workers   []*worker
	anchor    *block // Lives from check to check at a known address, which `ready` tells.
	blanks    *blanks
	reference *referent
	quiesced  bool
	held      bool
	threads   int   // Before `quiesce`.
	full      int64 // Bytes in live blocks at the height of a breath.
	checks    uint64
	breaths   uint64
	forced    uint64
	phase     phase
	phaseEnds time.Time
	collectAt time.Time
}

// referent is what `reference` points to: of a size class (1152) that leaves a rest at the end of its span, where no
// pointer may lead.
type referent [1152]byte

func newWork(o options, commands io.Reader, out io.Writer) *work {
	w := &work{options: o, commands: readCommands(commands), lines: newLines(out), pace: newPace(o.cpu),
		exchange: newExchange(o.goroutines), reference: new(referent), full: int64(o.resident),
		blanks: newBlanks(o.blank, o.seed)}
	for i := 0; i < o.goroutines; i++ {
		w.workers = append(w.workers, newWorker(i, o.seed, w.exchange, &w.findings, &w.done))
	}
	w.anchor = &block{words: make([]uint64, anchorWords), key: key{Seed: o.seed, Index: anchorIndex}}
	w.anchor.fill()
	return w
}

// run returns after `stop` or the end of the commands.
func (w *work) run() {
	w.aim(w.full)
	for _, one := range w.workers {
		go w.keepAtWork(one)
	}
	if !w.growToFull() {
		return
	}
	w.sayReady()
	now := time.Now()
	w.phaseEnds, w.collectAt = now.Add(w.options.breath), now.Add(w.options.collect)
	ticker := time.NewTicker(shortest(tick, w.options.breath, w.options.collect))
	defer ticker.Stop()
	for {
		select {
		case command, more := <-w.commands:
			if !more || command == "stop" {
				w.findings.writeTo(w.lines)
				w.lines.flush()
				return
			}
			w.obey(command)
		case <-ticker.C:
			w.blanks.verify(&w.findings)
			w.endIfNotZero()
			if w.quiesced {
				break
			}
			w.breathe()
			w.collectWhenDue()
			w.findings.writeTo(w.lines)
			w.sayBeat()
		}
		w.lines.flush()
	}
}

func shortest(times ...time.Duration) time.Duration {
	least := times[0]
	for _, one := range times {
		if one < least {
			least = one
		}
	}
	return least
}

// keepAtWork first has it grow and nothing else, at full speed: in an emulated guest it would take minutes to get there.
func (w *work) keepAtWork(one *worker) {
	for one.isBelowTarget() && !w.findings.notZero.Load() {
		w.gate.RLock()
		one.grow()
		w.gate.RUnlock()
	}
	for !w.findings.notZero.Load() {
		w.gate.RLock()
		for i := 0; i < stepsAtOnce && !w.findings.notZero.Load(); i++ {
			one.step()
		}
		w.gate.RUnlock()
		w.pace.rest()
	}
}

func (w *work) growToFull() bool {
	most := w.full / 8 * 7 // The rest waits in channels.
	for w.live() < most {
		select {
		case command, more := <-w.commands:
			if !more || command == "stop" {
				return false
			}
			w.obey(command)
		case <-time.After(growTick):
			w.endIfNotZero()
		}
	}
	return true
}

func (w *work) breathe() {
	if time.Now().Before(w.phaseEnds) {
		return
	}
	w.phaseEnds = time.Now().Add(w.options.breath)
	switch w.phase {
	case in:
		w.phase = out
		w.aim(w.full * int64(w.options.keep) / 100)
	case out:
		w.phase = resting
		debug.FreeOSMemory()
	case resting:
		w.phase = in
		w.breaths++
		w.aim(w.full)
	}
}

func (w *work) aim(bytes int64) {
	for _, one := range w.workers {
		one.target.Store(bytes / int64(len(w.workers)))
	}
}

// growFurther is for whoever holds all goroutines. It does not wait for a breath: when it returns, the heap has taken memory
// that it never had before.
func (w *work) growFurther() {
	w.full += int64(w.options.growth)
	w.phase, w.phaseEnds = in, time.Now().Add(w.options.breath)
	w.aim(w.full)
	for _, one := range w.workers {
		for one.isBelowTarget() && !w.findings.notZero.Load() {
			one.grow()
		}
	}
}

// endIfNotZero tells what was found, and ends the program in the way of Go's runtime when that finds its own books wrong:
// what a program comes to in such a heap is anybody's guess.
func (w *work) endIfNotZero() {
	if !w.findings.notZero.Load() {
		return
	}
	w.findings.writeTo(w.lines)
	w.lines.flush()
	panic("memory of the heap that was handed out as zeros is not zero")
}

func (w *work) live() int64 {
	var bytes int64
	for _, one := range w.workers {
		bytes += one.live.Load()
	}
	return bytes
}

func (w *work) collectWhenDue() {
	if time.Now().Before(w.collectAt) {
		return
	}
	runtime.GC()
	w.forced++
	w.collectAt = time.Now().Add(w.options.collect)
}

// ---- commands

func (w *work) obey(command string) {
	switch command {
	case "check":
		w.answerCheck()
	case "collect":
		runtime.GC()
		w.lines.write(said{"collected"})
	case "quiesce", "quiesce keep-threads":
		w.quiesce(command == "quiesce")
		w.lines.write(said{"quiesced"})
	case "resume":
		w.resume()
		w.lines.write(said{"resumed"})
	default:
		w.lines.write(refused{"refused", command, "this workload has no such command"})
	}
	w.lines.flush()
}

func (w *work) quiesce(singleThread bool) {
	w.quiesced = true
	if w.options.quiesced == still && !w.held {
		w.gate.Lock()
		w.held = true
	}
	w.findings.writeTo(w.lines)
	if singleThread && w.threads == 0 {
		w.threads = runtime.GOMAXPROCS(1)
	}
}

func (w *work) resume() {
	if w.threads != 0 {
		runtime.GOMAXPROCS(w.threads)
		w.threads = 0
	}
	if w.held {
		w.gate.Unlock()
		w.held = false
	}
	w.quiesced = false
}

type verdict struct {
	Type string `json:"type"`
	Pass bool   `json:"pass"`
	counters
	BlocksChecked int    `json:"blocks_checked"`
	Collections   uint32 `json:"collections"`
	Threads       int    `json:"threads"` // That run goroutines at a time.
	Blank         uint64 `json:"blank"`   // Where memory is that nobody has written to since; 0 when options ask for none.
}

func (w *work) answerCheck() {
	if !w.held {
		w.gate.Lock()
	}
	w.blanks.verify(&w.findings)
	if w.options.growth != 0 {
		w.growFurther()
	}
	w.endIfNotZero()
	blocks, collections := w.verifyAll(), w.compareStatistics()
	w.blanks.change()
	if !w.held {
		w.gate.Unlock()
	}
	w.checks++
	w.findings.writeTo(w.lines)
	w.lines.write(verdict{"verdict", w.findings.none(), w.counters(), blocks, collections, runtime.GOMAXPROCS(0),
		w.blanks.address()})
}

// verifyAll is for whoever holds all goroutines. Returns how many blocks there are.
func (w *work) verifyAll() int {
	blocks := w.exchange.verifyAll(&w.findings) + 1
	for _, one := range w.workers {
		blocks += one.verifyAll()
	}
	w.findings.verify(w.anchor, anchorName)
	return blocks
}

// compareStatistics: to read them, the runtime compares its own with each other, and ends the program when they differ.
// Returns how many collections there were.
func (w *work) compareStatistics() uint32 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if live := uint64(w.live()); stats.HeapAlloc < live {
		w.findings.contradiction("the runtime's bytes in use, at least", live, stats.HeapAlloc)
	}
	if stats.Mallocs < stats.Frees {
		w.findings.contradiction("the runtime's frees, at most", stats.Mallocs, stats.Frees)
	}
	if finalized, dropped := w.done.finalized.Load(), w.done.guarded.Load(); finalized > dropped {
		w.findings.contradiction("finalizers that ran, at most", dropped, finalized)
	}
	return stats.NumGC
}

// ---- what it says

type counters struct {
	Breaths     uint64 `json:"breaths"`
	Checks      uint64 `json:"checks"`
	Forced      uint64 `json:"forced_collections"`
	Allocated   uint64 `json:"allocated"`
	Rewritten   uint64 `json:"rewritten"`
	Verified    uint64 `json:"verified"`
	Released    uint64 `json:"released"`
	Exchanged   uint64 `json:"exchanged"`
	Chains      uint64 `json:"chains"`
	Descents    uint64 `json:"descents"`
	Guarded     uint64 `json:"guarded"`
	Finalized   uint64 `json:"finalized"`
	LiveBytes   int64  `json:"live_bytes"`
	Corruptions uint64 `json:"corruptions"`
	LostWrites  uint64 `json:"lost_writes"`
	Dropped     uint64 `json:"findings_dropped"`
}

func (w *work) counters() counters {
	d, f := &w.done, &w.findings
	return counters{
		Breaths: w.breaths, Checks: w.checks, Forced: w.forced,
		Allocated: d.allocated.Load(), Rewritten: d.rewritten.Load(), Verified: d.verified.Load(),
		Released: d.released.Load(), Exchanged: d.exchanged.Load(), Chains: d.chains.Load(),
		Descents: d.descents.Load(), Guarded: d.guarded.Load(), Finalized: d.finalized.Load(), LiveBytes: w.live(),
		Corruptions: f.corruptions.Load(), LostWrites: f.lostWrites.Load(), Dropped: f.dropped.Load(),
	}
}

// ready also says what it means when the runtime ends the program, and addresses for who wants to damage it from outside.
type ready struct {
	Type        string `json:"type"`
	Crash       string `json:"crash"`
	Go          string `json:"go"`
	Threads     int    `json:"threads"` // That run goroutines at a time.
	Anchor      uint64 `json:"anchor"`
	AnchorBytes int    `json:"anchor_bytes"`
	Reference   uint64 `json:"reference"` // Where a pointer is.
}

func (w *work) sayReady() {
	w.lines.write(ready{"ready", heapCorruption, runtime.Version(), runtime.GOMAXPROCS(0), uint64(w.anchor.address()),
		w.anchor.bytes(), addressOf(&w.reference)})
	w.lines.flush()
}

type beat struct {
	Type  string `json:"type"`
	Phase string `json:"phase"`
	counters
}

func (w *work) sayBeat() { w.lines.write(beat{"beat", w.phase.String(), w.counters()}) }
