// How a store behaves: the knobs under `runtime.snapshot`. The first value of each is the right
// one.
#pragma once

namespace snaphammer::snapshot {

/// What a diff says of a page that holds zeros now and did not in its parent. Consumed in
/// memory_writer.cpp.
enum class ZeroBlocks {
  kRecorded,   ///< The page is zeros from this generation on.
  kUnchanged,  ///< Nothing, and so the parent's old bytes come back: how a real store lost writes.
};

/// Whether memory and device state are compared with their checksums when a restore reads them.
/// They are always written, and verify() always compares. Consumed in store.cpp, when a snapshot is
/// loaded.
enum class Checksums {
  kChecked,
  kIgnored,  ///< Damaged bytes reach the guest.
};

/// Whether a snapshot is on stable storage before it is published. Consumed in durable_file.cpp.
enum class Sync {
  kOn,
  kOff,  ///< After a crash of the host a published snapshot may be torn; verify() tells.
};

struct StoreOptions {
  ZeroBlocks zero_blocks = ZeroBlocks::kRecorded;
  Checksums checksums = Checksums::kChecked;
  Sync sync = Sync::kOn;
};

}  // namespace snaphammer::snapshot
