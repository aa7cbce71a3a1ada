// go-heap: does Go's heap keep what it is given, and its own books, when memory goes away and comes back?
//
// Many goroutines allocate, rewrite, exchange and drop blocks. Every byte of a block follows from its key, so each use
// verifies it (block.go). Around them is what else the runtime keeps: maps, linked objects, finalizers, stacks that grow
// (worker.go), channels (exchange.go), collections that are forced beside those that happen (work.go).
//
// What the runtime itself finds ends the program with "fatal error: ..." and stacks: nothing here catches that, and the
// agent makes it the finding that the line `ready` names.
package main

import "os"

func main() {
	options, status := parseArguments(os.Args[1:], os.Stdout, os.Stderr)
	if status >= 0 {
		os.Exit(status)
	}
	newWork(options, os.Stdin, os.Stdout).run()
}
