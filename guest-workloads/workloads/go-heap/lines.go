package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
)

// lines is what the program says: JSON objects, one a line, whose first field is their type. A write blocks while nobody
// takes the lines, as the contract wants it. One goroutine.
//
// Each kind of line is encoded once at the beginning: encoding/json builds what a type needs at its first use, in memory
// of the heap. In a heap that hands out old bytes it fails before the line that says so is written: a sync.WaitGroup of
// old bytes, of which it makes one for each type, had "waiters" in billions, and kept the program busy for minutes.
type lines struct{ out *bufio.Writer }

func newLines(out io.Writer) *lines {
	for _, line := range [...]any{said{}, refused{}, ready{}, beat{}, verdict{},
		finding{Evidence: &damaged{}}, finding{Evidence: map[string]any{}}} {
		encode(line)
	}
	return &lines{bufio.NewWriter(out)}
}

func (l *lines) write(line any) { l.out.Write(append(encode(line), '\n')) }

func encode(line any) []byte {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	return text
}

// flush ends the program when nobody is there any more.
func (l *lines) flush() {
	if l.out.Flush() != nil {
		os.Exit(1)
	}
}

// said is a line that has nothing but a type.
type said struct {
	Type string `json:"type"`
}

// refused answers a command that cannot be obeyed.
type refused struct {
	Type    string `json:"type"`
	Command string `json:"command"`
	Why     string `json:"why"`
}

// readCommands gives the lines that come; the channel is closed at their end.
func readCommands(in io.Reader) <-chan string {
	commands := make(chan string)
	go func() {
		defer close(commands)
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			commands <- scanner.Text()
		}
	}()
	return commands
}
