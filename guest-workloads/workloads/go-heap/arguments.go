package main

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// options is the command line.
type options struct {
	resident   size
	goroutines int
	seed       uint64
	breath     time.Duration
	keep       int
	cpu        int
	collect    time.Duration
	growth     size
	blank      size
	quiesced   whileQuiesced
}

// size is a number of bytes: 0B, 4KiB, 24MiB, 1GiB.
type size uint64

var units = []struct {
	name  string
	bytes uint64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func (s *size) String() string {
	for _, unit := range units {
		if *s != 0 && uint64(*s)%unit.bytes == 0 {
			return strconv.FormatUint(uint64(*s)/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatUint(uint64(*s), 10)
}

func (s *size) Set(text string) error {
	for _, unit := range units {
		if strings.HasSuffix(text, unit.name) {
			number, err := strconv.ParseUint(strings.TrimSuffix(text, unit.name), 10, 32)
			*s = size(number * unit.bytes)
			return err
		}
	}
	return fmt.Errorf("expected a size, such as 24MiB")
}

// whileQuiesced is what goroutines do from `quiesce` to `resume`.
type whileQuiesced string

const (
	still whileQuiesced = "still"
	// As daemons do that have their runtime collect and go single-threaded before a snapshot, and nothing more.
	working whileQuiesced = "working"
)

func (q *whileQuiesced) String() string { return string(*q) }

func (q *whileQuiesced) Set(text string) error {
	*q = whileQuiesced(text)
	if *q != still && *q != working {
		return fmt.Errorf("expected still or working")
	}
	return nil
}

const about = `usage: go-heap [--NAME VALUE]...

Many goroutines allocate, rewrite, exchange and drop objects: blocks of many sizes, maps, linked objects, channels,
objects with finalizers, growing stacks; collections are forced beside those that happen. Every byte of a block
follows from its key, so each use verifies it.
Findings: heap-corruption, lost-write. What Go's runtime finds itself ends the program, with exit status 2; so does
memory that is handed out as zeros and is not, after the finding.

`

const contract = `
Commands on standard input, one per line: check, collect, quiesce, quiesce keep-threads, resume, stop. The end of
the input is a stop.
JSON lines on standard output: ready, beat, finding, verdict, collected, quiesced, resumed.
Sizes: 4KiB, 24MiB, 1GiB. Times: 500ms, 3s, 1m, 1h.
`

// parseArguments returns the exit status when there is nothing to run, which has then been explained, or -1.
func parseArguments(arguments []string, out, errors io.Writer) (options, int) {
	o := options{resident: 24 << 20, goroutines: 32, seed: 1, breath: 2 * time.Second, keep: 25, cpu: 40,
		collect: time.Second, quiesced: still}
	flags := flag.NewFlagSet("go-heap", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Var(&o.resident, "resident", "`SIZE` memory in live blocks at the height of a breath")
	flags.IntVar(&o.goroutines, "goroutines", o.goroutines, "`N` that allocate")
	flags.Uint64Var(&o.seed, "seed", o.seed, "`N` of sizes, order and bytes")
	flags.DurationVar(&o.breath, "breath", o.breath, "`TIME` the heap grows, then shrinks, then stays small for")
	flags.IntVar(&o.keep, "keep", o.keep, "`N` percent of the memory that it shrinks to")
	flags.IntVar(&o.cpu, "cpu", o.cpu, "`N` percent of one CPU that it takes at most")
	flags.DurationVar(&o.collect, "collect", o.collect, "`TIME` between collections that are forced")
	flags.Var(&o.growth, "growth", "`SIZE` more memory in live blocks from each check on; the check waits for it")
	flags.Var(&o.blank, "blank", "`SIZE` memory that stays zero from check to check, as it was handed out; as much is full of bytes, and they change places at each")
	flags.Var(&o.quiesced, "quiesced", "`HOW` still or working: what goroutines do from quiesce to resume")

	err := flags.Parse(arguments)
	if err == nil {
		err = o.check(flags.Args())
	}
	switch err {
	case nil:
		return o, -1
	case flag.ErrHelp:
		fmt.Fprint(out, usage(flags))
		return o, 0
	default:
		fmt.Fprintf(errors, "go-heap: %v\n%s", err, usage(flags))
		return o, 2
	}
}

func (o options) check(rest []string) error {
	between := func(name string, value, low, high int64) error {
		if value < low || value > high {
			return fmt.Errorf("--%s: expected from %d to %d", name, low, high)
		}
		return nil
	}
	if len(rest) != 0 {
		return fmt.Errorf("%s: no such option", rest[0])
	}
	for _, err := range []error{
		between("resident", int64(o.resident), 1<<20, 4<<30),
		between("goroutines", int64(o.goroutines), 1, 256),
		between("breath", o.breath.Milliseconds(), 10, 3_600_000),
		between("keep", int64(o.keep), 0, 100),
		between("cpu", int64(o.cpu), 1, 100),
		between("growth", int64(o.growth), 0, 1<<30),
		between("blank", int64(o.blank), 0, 1<<30),
		between("collect", o.collect.Milliseconds(), 10, 3_600_000),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func usage(flags *flag.FlagSet) string {
	var text strings.Builder
	text.WriteString(about)
	flags.VisitAll(func(f *flag.Flag) {
		kind, help := flag.UnquoteUsage(f)
		fmt.Fprintf(&text, "  %-20s  %s (%s)\n", "--"+f.Name+" "+kind, strings.TrimPrefix(help, kind+" "), f.DefValue)
	})
	text.WriteString(contract)
	return text.String()
}
