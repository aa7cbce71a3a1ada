package main

import (
	"encoding/binary"
	"os"
)

const (
	pagemapEntryBytes = 8
	pagemapPresent    = 1 << 63
	pagemapFrame      = 1<<55 - 1
)

// physicalAddress tells where a page of this process is in physical memory, from /proc/self/pagemap; needs
// CAP_SYS_ADMIN. (Linux, admin-guide/mm/pagemap.rst.)
func physicalAddress(address uintptr) (physical uint64, known bool) {
	file, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return 0, false
	}
	defer file.Close()
	var entry [pagemapEntryBytes]byte
	if _, err := file.ReadAt(entry[:], int64(address/pageBytes*pagemapEntryBytes)); err != nil {
		return 0, false
	}
	bits := binary.LittleEndian.Uint64(entry[:])
	frame := bits & pagemapFrame
	return frame * pageBytes, bits&pagemapPresent != 0 && frame != 0
}
