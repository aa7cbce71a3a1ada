#!/usr/bin/env python3
"""A page-fault handler for Firecracker's hand-off, written independently of Snaphammer: what users would bring.

  page_fault_handler.py SOCKET MEMORY [--on-remove zero|ignore] [--die-after N]

It listens on SOCKET, takes one hand-off, and serves each fault by copying the page from the flat file MEMORY, or by
zeros once it was removed. `ignore` is the defect under test: a removed page comes back with its old bytes. With
--die-after it exits, without an error, once it has served that many faults.
"""
import argparse
import array
import fcntl
import json
import mmap
import os
import select
import socket
import struct
import sys

PAGE = 4096
# linux/userfaultfd.h: _IOWR(0xAA, nr, struct), message type and layout.
UFFDIO_COPY = 0xC028AA03
UFFDIO_ZEROPAGE = 0xC020AA04
MESSAGE = 32
PAGEFAULT, REMOVE = 0x12, 0x15


def receive_handoff(path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(1)
    connection, _ = listener.accept()
    text, descriptor = b"", None
    while True:
        data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(4))
        if not data:
            sys.exit("page_fault_handler: the VMM closed the connection before its hand-off was whole")
        text += data
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptor = array.array("i", content[:4])[0]
        try:
            regions = json.loads(text)
        except ValueError:
            continue
        if descriptor is not None:
            return connection, descriptor, regions


class Handler:
    def __init__(self, uffd, regions, memory, on_remove):
        self.uffd, self.regions, self.on_remove = uffd, regions, on_remove
        self.memory = mmap.mmap(memory.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_WRITE, flags=mmap.MAP_PRIVATE)
        self.source = address_of(self.memory)
        self.removed = set()

    def offset_of(self, address):
        for region in self.regions:
            if region["base_host_virt_addr"] <= address < region["base_host_virt_addr"] + region["size"]:
                return address - region["base_host_virt_addr"] + region["offset"]
        sys.exit(f"page_fault_handler: fault at {address:#x}, outside of every region")

    def install(self, address):
        """False when the kernel wants its events read first."""
        offset = self.offset_of(address)
        try:
            if offset in self.removed:
                fcntl.ioctl(self.uffd, UFFDIO_ZEROPAGE, bytearray(struct.pack("=QQQq", address, PAGE, 0, 0)))
            else:
                request = struct.pack("=QQQQq", address, self.source + offset, PAGE, 0, 0)
                fcntl.ioctl(self.uffd, UFFDIO_COPY, bytearray(request))
        except BlockingIOError:
            return False
        except FileExistsError:
            pass
        self.removed.discard(offset)
        return True

    def read(self):
        """The addresses of the faults that can be read; removals are noted."""
        faults = []
        try:
            messages = os.read(self.uffd, 256 * MESSAGE)
        except BlockingIOError:
            return faults
        for at in range(0, len(messages), MESSAGE):
            kind = messages[at]
            if kind == PAGEFAULT:
                faults.append(struct.unpack_from("=Q", messages, at + 16)[0] & ~(PAGE - 1))
            elif kind == REMOVE and self.on_remove == "zero":
                start, end = struct.unpack_from("=QQ", messages, at + 8)
                offset = self.offset_of(start)
                self.removed.update(range(offset, offset + end - start, PAGE))
        return faults


def address_of(mapped):
    import ctypes
    return ctypes.addressof(ctypes.c_char.from_buffer(mapped))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("memory")
    parser.add_argument("--on-remove", choices=["zero", "ignore"], default="zero")
    parser.add_argument("--die-after", type=int)
    options = parser.parse_args()
    with open(options.memory, "r+b") as memory:
        connection, uffd, regions = receive_handoff(options.socket)
        print(f"serving {len(regions)} regions", flush=True)
        os.set_blocking(uffd, False)
        handler = Handler(uffd, regions, memory, options.on_remove)
        waiting, served = [], 0
        while options.die_after is None or served < options.die_after:
            readable, _, _ = select.select([uffd, connection], [], [], 0.001 if waiting else None)
            if connection in readable and not connection.recv(1):
                return  # The VMM has ended.
            waiting += handler.read()
            unserved = [address for address in waiting if not handler.install(address)]
            served += len(waiting) - len(unserved)
            waiting = unserved


if __name__ == "__main__":
    main()
