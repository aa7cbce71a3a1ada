// snapshot.flip_byte, snapshot.truncate and snapshot.swap_generation: damage to what is on disk.
#include <array>
#include <cstddef>
#include <filesystem>
#include <random>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"
#include "harness/scenario/course.h"
#include "harness/scenario/spaces.h"

namespace snaphammer::faults {
namespace {

namespace fs = std::filesystem;

enum class File { kMemory, kHeader, kManifest, kState };
void describe(Choices<File>& words) {
  words.add(File::kMemory, "memory", "the pages");
  words.add(File::kHeader, "header", "where each page of the guest is");
  words.add(File::kManifest, "manifest", "what the snapshot consists of, with its checksums");
  words.add(File::kState, "vmstate", "devices and vCPUs");
}
const char* name_of(File file) {
  switch (file) {
    case File::kMemory:
      return "memory";
    case File::kHeader:
      return "memory.header";
    case File::kManifest:
      return "manifest.json";
    case File::kState:
      return "vmstate";
  }
  return "";
}

struct Target {
  std::optional<std::string> snapshot;
  File file = File::kMemory;
};
void describe(Fields<Target>& fields) {
  fields.add("snapshot", &Target::snapshot, "Which; otherwise the latest.").refers_to_any(scenario::kSnapshots);
  fields.add("file", &Target::file, "Which of its files.");
}

void follow_target(const Target& target, Course& course) {
  target.snapshot ? course.needs_snapshot(*target.snapshot) : course.needs_any_snapshot();
}

/// The file, open, and its size.
Result<std::pair<UniqueFd, ByteCount>> open_target(engine::RunContext& run, const Target& target) {
  SNAP_ASSIGN(const fs::path directory, run.snapshot_directory(target.snapshot));
  const fs::path path = directory / name_of(target.file);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return errno_error("open " + path.string());
  const off_t size = ::lseek(fd.get(), 0, SEEK_END);
  if (size <= 0) return Error(ErrorKind::kUnavailable, path.string() + " is empty: there is nothing to damage");
  return std::pair(std::move(fd), static_cast<ByteCount>(size));
}

struct FlipByte {
  Target target;
  std::optional<ByteCount> offset;
};
void describe(Fields<FlipByte>& fields) {
  fields.embed(&FlipByte::target);
  fields.size("offset", &FlipByte::offset, "Of the byte in that file; otherwise the seed chooses.");
}

class Flip final : public FaultWith<FlipByte> {
 public:
  using FaultWith::FaultWith;
  static void follow(const FlipByte& args, Course& course) { follow_target(args.target, course); }

  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(auto opened, open_target(run, args().target));
    file_ = std::move(opened.first);
    std::mt19937_64 random(run.plan().seed);
    at_ = static_cast<off_t>(args().offset.value_or(random() % opened.second));
    if (static_cast<ByteCount>(at_) >= opened.second) {
      co_return Error(ErrorKind::kUnavailable, "the file ends at " + format_bytes(opened.second))
          .advise("give a smaller offset, or none");
    }
    CO_SNAP_TRY(flip());
    act();
    co_return Result<void>();
  }
  Async<void> heal(engine::RunContext&) override { co_return flip(); }

 private:
  Result<void> flip() {
    std::array<std::byte, 1> byte{};
    if (::pread(file_.get(), byte.data(), 1, at_) != 1) return errno_error("read the snapshot's file");
    byte[0] = ~byte[0];
    if (::pwrite(file_.get(), byte.data(), 1, at_) != 1) return errno_error("write the snapshot's file");
    return {};
  }

  UniqueFd file_;
  off_t at_ = 0;
};

struct Truncate {
  Target target;
  std::optional<ByteCount> to;
};
void describe(Fields<Truncate>& fields) {
  fields.embed(&Truncate::target);
  fields.size("to", &Truncate::to, "The size that is left; otherwise half.");
}

class CutOff final : public FaultWith<Truncate> {
 public:
  using FaultWith::FaultWith;
  static void follow(const Truncate& args, Course& course) { follow_target(args.target, course); }
  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(auto opened, open_target(run, args().target));
    const ByteCount to = args().to.value_or(opened.second / 2);
    if (to >= opened.second) {
      co_return Error(ErrorKind::kUnavailable, "the file ends at " + format_bytes(opened.second) + " already")
          .advise("give a smaller size, or none");
    }
    if (::ftruncate(opened.first.get(), static_cast<off_t>(to)) != 0)
      co_return errno_error("cut the snapshot's file off");
    act();
    co_return Result<void>();
  }
};

struct SwapGeneration {
  std::string snapshot;
  std::string with;
};
void describe(Fields<SwapGeneration>& fields) {
  fields.add("snapshot", &SwapGeneration::snapshot, "One snapshot.").required().refers_to_any(scenario::kSnapshots);
  fields.add("with", &SwapGeneration::with, "Another one.").required().refers_to_any(scenario::kSnapshots);
  fields.rule([](SwapGeneration& swap, scenario::Reader& reader, const scenario::Node& node) {
    if (swap.snapshot == swap.with) reader.fail(*node.find("with"), "a snapshot cannot be swapped with itself");
  });
}

class Swap final : public FaultWith<SwapGeneration> {
 public:
  using FaultWith::FaultWith;
  static void follow(const SwapGeneration& swap, Course& course) {
    course.needs_snapshot(swap.snapshot);
    course.needs_snapshot(swap.with);
  }
  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(one_, run.snapshot_directory(args().snapshot));
    CO_SNAP_ASSIGN(other_, run.snapshot_directory(args().with));
    CO_SNAP_TRY(swap());
    act();
    co_return Result<void>();
  }
  Async<void> heal(engine::RunContext&) override { co_return swap(); }

 private:
  Result<void> swap() {
    const fs::path one = one_ / name_of(File::kMemory);
    const fs::path other = other_ / name_of(File::kMemory);
    if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) != 0) {
      return errno_error("swap " + one.string() + " and " + other.string());
    }
    return {};
  }
  fs::path one_;
  fs::path other_;
};

const FaultRegistration<Flip> flip{"snapshot.flip_byte", "All bits of one byte of a stored snapshot change.",
                                   "snapshot.flip_byte, args: {snapshot: s1, file: memory}", "the byte is as it was"};
const FaultRegistration<CutOff> cut_off{"snapshot.truncate", "A file of a stored snapshot loses its end.",
                                        "snapshot.truncate, args: {snapshot: s1, file: memory, to: 4KiB}", "none"};
const FaultRegistration<Swap> swap{"snapshot.swap_generation", "The memory files of two snapshots change places.",
                                   "snapshot.swap_generation, args: {snapshot: s1, with: s2}", "they are put back"};

}  // namespace
}  // namespace snaphammer::faults
