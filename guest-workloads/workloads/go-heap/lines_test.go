package main

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"
)

// What encoding/json builds for a type takes dozens; a buffer that has to grow takes a few.
const allocationsOfNoEncoder = 8

func allocationsBy(line any) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	encode(line)
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// In a process of its own: other tests write lines too.
func TestNoLineBuildsItsEncoderWhenItIsWritten(t *testing.T) {
	const alone = "GO_HEAP_TEST_ALONE"
	if os.Getenv(alone) == "" {
		again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		again.Env = append(os.Environ(), alone+"=1")
		if output, err := again.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	debug.SetGCPercent(-1)
	newLines(io.Discard)
	for _, line := range []any{said{"collected"}, refused{"refused", "?", "?"}, ready{Type: "ready"}, beat{Type: "beat"},
		verdict{Type: "verdict"}, finding{Evidence: evidenceOf(&block{words: make([]uint64, 4)}, &damage{})},
		finding{Evidence: map[string]any{"what": "?", "goroutine": 1}}} {
		if first, second := allocationsBy(line), allocationsBy(line); first > second+allocationsOfNoEncoder {
			t.Errorf("%T: %d allocations, then %d", line, first, second)
		}
	}
}
