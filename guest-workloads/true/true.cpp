// /bin/true of the guest: nothing but exit_group(0), x86-64, without a C library. It is what the first exec after a
// restore runs, what exec_stress runs by default, and what the agent rehearses: an exec costs what the guest's kernel
// and the agent make of it, not what a C library does before main() (busybox's true: a twelfth of all the code that
// an emulator translates between a restore and the first exec's answer).
#include <sys/syscall.h>

extern "C" [[noreturn]] void _start() {
  asm volatile("syscall" : : "a"(SYS_exit_group), "D"(0) : "rcx", "r11", "memory");
  __builtin_unreachable();
}
