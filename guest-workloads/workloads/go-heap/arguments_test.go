package main

import (
	"io"
	"testing"
)

func TestSizesAreReadAsTheyAreWritten(t *testing.T) {
	for text, bytes := range map[string]size{"0B": 0, "17B": 17, "4KiB": 4 << 10, "24MiB": 24 << 20, "1GiB": 1 << 30} {
		var read size
		if err := read.Set(text); err != nil || read != bytes || read != 0 && read.String() != text {
			t.Errorf("%s: got %d, %s, %v", text, read, read.String(), err)
		}
	}
	for _, text := range []string{"", "0", "MiB", "-1KiB", "1 MiB", "1mib"} {
		var read size
		if read.Set(text) == nil {
			t.Errorf("'%s' is no size", text)
		}
	}
}

func TestWhatTheHostPassesOnByDefaultIsAccepted(t *testing.T) {
	if _, status := parseArguments([]string{"--resident", "24MiB", "--growth", "0B"}, io.Discard, io.Discard); status != -1 {
		t.Errorf("exit status %d", status)
	}
}
