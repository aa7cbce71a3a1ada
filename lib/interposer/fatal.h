// How the interposer speaks: lines on QEMU's standard error, which the worker keeps as the VMM's log.
//
//   if (length != sizeof config) fatal("the configuration has %zd bytes instead of %zu", ...);
//
// Any thread.
#pragma once

namespace snaphammer::interposer {

/// Says what went wrong and ends QEMU at once with kFatalExit: for misuse by the worker and for a
/// system that refuses what was asked, never for anything a guest can do.
[[noreturn]] void fatal(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// Says something and goes on.
void report(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// strerror(errno) for such a message.
const char* system_error();

}  // namespace snaphammer::interposer
