package main

import (
	"sync"
	"syscall"
	"time"
)

// pace keeps the program within its share of one CPU: guests are small and often emulated, and one that works as fast as
// it can starves the agent beside it. Goroutines call rest between pieces of work; they wake one after the other.
type pace struct {
	percent time.Duration
	mutex   sync.Mutex
	counted time.Duration // CPU time that is paid for.
	paid    time.Time     // Until when: the program may go on then.
}

func newPace(percent int) *pace {
	return &pace{percent: time.Duration(percent), counted: cpuTime(), paid: time.Now()}
}

func (p *pace) rest() { time.Sleep(time.Until(p.next())) }

func (p *pace) next() time.Time {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	used := cpuTime() - p.counted
	p.counted += used
	p.paid = p.paid.Add(used * 100 / p.percent)
	if now := time.Now(); p.paid.Before(now) { // What was not used is not saved up.
		p.paid = now
	}
	return p.paid
}

// cpuTime is what all threads of the process have used, those of the collector included.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
