// Reading and writing whole files so that what was written is there after a crash.
//
// Every write and sync of the store passes here, so the failpoints `snapshot.write` and `snapshot.sync` reach each of
// them. A full disk is kUnfit and says what to do.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/base/units.h"
#include "lib/snapshot/options.h"

namespace snaphammer::snapshot {

/// Creates `path`, which must not exist, for reading and writing.
Result<UniqueFd> create_file(const std::filesystem::path& path);
/// Opens a regular file for reading. A missing one, and anything else than a file, is kCorrupt: the callers only open
/// what a published snapshot must have.
Result<UniqueFd> open_file(const std::filesystem::path& path);
Result<ByteCount> size_of(const UniqueFd& fd, const std::filesystem::path& path);

/// Writes all of `bytes` at `offset`; `path` is for messages.
Result<void> write_at(const UniqueFd& fd, const std::filesystem::path& path, ByteCount offset,
                      std::span<const std::byte> bytes);
/// Puts a file's bytes, or a directory's entries, on stable storage, unless `sync` is off.
Result<void> sync_to_disk(const UniqueFd& fd, const std::filesystem::path& path, Sync sync);
Result<void> sync_directory(const std::filesystem::path& path, Sync sync);
/// create_file(), write_at() and sync_to_disk().
Result<void> write_file(const std::filesystem::path& path, std::span<const std::byte> bytes, Sync sync);

/// Fills `bytes` from `offset`; kCorrupt when the file ends before.
Result<void> read_at(const UniqueFd& fd, const std::filesystem::path& path, ByteCount offset,
                     std::span<std::byte> bytes);
/// The whole file; kCorrupt when it is larger than `limit` or not to be opened.
Result<std::vector<std::byte>> read_file(const std::filesystem::path& path, ByteCount limit);
Result<std::vector<std::byte>> read_file(const UniqueFd& fd, const std::filesystem::path& path, ByteCount limit);

}  // namespace snaphammer::snapshot
