package main

import (
	"encoding/binary"
	"syscall"
)

const (
	pagemapEntryBytes = 8
	pagemapPresent    = 1 << 63
	pagemapFrame      = 1<<55 - 1
)

// Opened before anything goes wrong, and without the runtime's poller: to take what that needs from a damaged heap may end
// the program before it has told what it found.
var pagemap, pagemapError = syscall.Open("/proc/self/pagemap", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)

// physicalAddress tells where a byte of this process is in physical memory, from /proc/self/pagemap; needs
// CAP_SYS_ADMIN. (Linux, admin-guide/mm/pagemap.rst.)
func physicalAddress(address uintptr) (physical uint64, known bool) {
	var entry [pagemapEntryBytes]byte
	if pagemapError != nil {
		return 0, false
	}
	got, err := syscall.Pread(pagemap, entry[:], int64(address/pageBytes*pagemapEntryBytes))
	if err != nil || got != pagemapEntryBytes {
		return 0, false
	}
	bits := binary.LittleEndian.Uint64(entry[:])
	frame := bits & pagemapFrame
	return frame*pageBytes + uint64(address%pageBytes), bits&pagemapPresent != 0 && frame != 0
}
