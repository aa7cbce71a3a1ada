// Whether mapped memory can be touched without waiting for a disk.
#pragma once

#include <cstddef>
#include <span>

namespace snaphammer {

/// A part of `mapping` that includes [offset, offset + length), both multiples of the page size, and is in memory now, by
/// mincore(2); it reaches some pages beyond them where those are in memory too, since asking for more costs nothing. Empty
/// when some of [offset, offset + length) is not in memory, when `length` is over 2 MiB, or when the kernel does not say.
std::span<const std::byte> resident_around(std::span<const std::byte> mapping, std::size_t offset, std::size_t length);

}  // namespace snaphammer
