// Reading a mapped file that somebody may make shorter meanwhile.
//
//   if (!read_mapped([&] { sum = checksum_of(view); })) return cut_off();
#pragma once

namespace snaphammer {
namespace internal {

bool read_mapped(void (*read)(void*), void* context);

}  // namespace internal

/// Runs `read`. False when it was left in the middle, because the page that it touched is no longer in its file or the
/// disk could not give it (SIGBUS, see mmap(2)); so `read` must own nothing that has a destructor. Any thread.
/// The first call takes over SIGBUS for the process; one that is raised elsewhere does what it did before.
template <typename Read>
bool read_mapped(Read read) {
  return internal::read_mapped([](void* context) { (*static_cast<Read*>(context))(); }, &read);
}

}  // namespace snaphammer
