// Random chains of writes, zeroings, discards, restores, snapshots, merges and removals against a flat model in memory.
#include <random>

#include <gmock/gmock.h>

#include "lib/snapshot/testing/store_fixture.h"

namespace snaphammer::snapshot {
namespace {

constexpr std::size_t kPages = 48;

// The model: what each page holds, as the seed of its content; 0 is zeros.
using Model = std::array<std::uint64_t, kPages>;

class Chain {
 public:
  Chain(const SnapshotStore& store, std::uint64_t seed) : store_(store), random_(seed) {}

  // Empty while store and model agree, else what went wrong.
  std::string step() {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return write();
      case 3:
        return zero();
      case 4:
        return discard();
      case 5:
        return write_the_same();
      case 6:
        return full();
      case 7:
      case 8:
        return diff();
      case 9:
        return restore();
      case 10:
        return merge();
      default:
        return remove();
    }
  }

  std::string check_all() {
    for (const auto& [id, model] : snapshots_) {
      if (std::string wrong = check(id); !wrong.empty()) return wrong;
    }
    const auto report = store_.verify_all();
    if (!report) return report.error().describe();
    return report->whole() ? "" : report->defects.front().describe();
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  // A stretch of pages, mostly short.
  std::pair<std::size_t, std::size_t> stretch() {
    const std::size_t begin = below(kPages);
    return {begin, std::min<std::size_t>(kPages, begin + 1 + below(below(4) == 0 ? kPages : 3))};
  }
  std::string pick() {
    return std::next(snapshots_.begin(), static_cast<std::ptrdiff_t>(below(snapshots_.size())))->first;
  }

  // A page of a restored guest is fetched before anything happens to it. Zeros may come as a page or as a hole.
  void fetch(std::size_t page) {
    if (!untouched_[page]) return;
    untouched_[page] = false;
    if (live_[page] != 0) {
      ram_->write(page, live_[page]);
    } else if (below(2) == 0) {
      ram_->write_zeros(page);
    }
  }

  std::string write() {
    const auto [begin, end] = stretch();
    for (std::size_t page = begin; page < end; ++page) {
      fetch(page);
      // Few values, so that a page often gets back what an older generation has.
      live_[page] = 1 + below(5) + 5 * page;
      ram_->write(page, live_[page]);
    }
    return {};
  }
  std::string zero() {
    const auto [begin, end] = stretch();
    for (std::size_t page = begin; page < end; ++page) {
      fetch(page);
      live_[page] = 0;
      ram_->write_zeros(page);
    }
    return {};
  }
  std::string discard() {
    const auto [begin, end] = stretch();
    for (std::size_t page = begin; page < end; ++page) {
      fetch(page);
      live_[page] = 0;
      ram_->discard(page);
    }
    return {};
  }
  std::string write_the_same() {
    const auto [begin, end] = stretch();
    for (std::size_t page = begin; page < end; ++page) fetch(page);
    return {};
  }

  MemoryImage image() const {
    MemoryImage image = ram_->image();
    for (std::size_t page = 0; page < kPages; ++page) {
      if (!untouched_[page]) continue;
      const ByteCount offset = page * kPageSize;
      if (!image.untouched.empty() && image.untouched.back().end() == offset) {
        image.untouched.back().length += kPageSize;
      } else {
        image.untouched.push_back({offset, kPageSize});
      }
    }
    image.base = base_;
    return image;
  }

  template <class Write>
  std::string take(const std::string& what, Write write_memory) {
    const std::string id = "s" + std::to_string(++counter_);
    const auto taken = [&]() -> Result<void> {
      SNAP_ASSIGN(SnapshotWriter writer, store_.begin(id));
      overwrite(writer.vmstate_path(), id);
      SNAP_TRY(write_memory(writer));
      SNAP_TRY(writer.publish());
      return {};
    }();
    if (!taken) return what + ": " + taken.error().describe();
    snapshots_[id] = live_;
    const std::string wrong = check(id);
    return wrong.empty() ? "" : what + ": " + wrong;
  }
  std::string full() {
    return take("full", [&](SnapshotWriter& writer) { return writer.write_full(image()); });
  }
  std::string diff() {
    if (snapshots_.empty()) return full();
    const std::string parent = pick();
    return take("diff against " + parent, [&](SnapshotWriter& writer) { return writer.write_diff(image(), parent); });
  }
  std::string restore() {
    if (snapshots_.empty()) return {};
    const std::string id = pick();
    const auto snapshot = store_.load(id);
    if (!snapshot) return snapshot.error().describe();
    live_ = snapshots_[id];
    base_ = snapshot->memory;
    ram_.emplace(kPages);
    untouched_.fill(true);
    return {};
  }
  std::string merge() {
    if (snapshots_.empty()) return {};
    const std::string old = pick(), id = "m" + std::to_string(++counter_);
    const auto merged = store_.merge(old, id);
    if (!merged) return "merge: " + merged.error().describe();
    if (!merged->sources.empty()) return "merge: needs other generations";
    snapshots_[id] = snapshots_[old];
    return check(id);
  }
  std::string remove() {
    if (snapshots_.size() < 6) return {};
    std::set<std::string> keep{pick(), pick()};
    if (below(2) == 0) {
      const std::string id = pick();
      const auto removed = store_.remove(id);
      if (removed) snapshots_.erase(id);
      const bool expected = removed || removed.error().kind() == ErrorKind::kUnavailable;
      return expected ? "" : removed.error().describe();
    }
    const auto removed = store_.collect_garbage(keep);
    if (!removed) return removed.error().describe();
    for (const std::string& id : *removed) {
      if (keep.contains(id)) return "garbage collection removed " + id;
      snapshots_.erase(id);
    }
    return check_all();
  }

  std::string check(const std::string& id) {
    const auto snapshot = store_.load(id);
    if (!snapshot) return snapshot.error().describe();
    std::vector<std::byte> scratch(kPageSize);
    for (std::size_t page = 0; page < kPages; ++page) {
      const std::uint64_t seed = snapshots_[id][page];
      const auto bytes = snapshot->memory->read(page * kPageSize, kPageSize, scratch);
      if (!bytes) return bytes.error().describe();
      if (!std::ranges::equal(*bytes, seed == 0 ? Page{} : page_of(seed))) {
        return id + ": page " + std::to_string(page) + " has other bytes than the model";
      }
    }
    return {};
  }

  const SnapshotStore& store_;
  std::mt19937_64 random_;
  Model live_{};
  std::optional<GuestRam> ram_ = GuestRam(kPages);
  std::array<bool, kPages> untouched_{};
  std::shared_ptr<const MemoryReader> base_;
  std::map<std::string, Model> snapshots_;
  int counter_ = 0;
};

std::string run(const SnapshotStore& store, std::uint64_t seed, int steps) {
  Chain chain(store, seed);
  for (int step = 0; step < steps; ++step) {
    const std::string wrong = chain.step();
    if (!wrong.empty()) return "seed " + std::to_string(seed) + ", step " + std::to_string(step) + ": " + wrong;
  }
  return chain.check_all();
}

class ModelTest : public StoreTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(ModelTest, AChainOfGenerationsIsAFlatMemory) { EXPECT_EQ(run(open(), GetParam(), 2000), ""); }

TEST_P(ModelTest, ReadingZeroAsUnchangedLosesWrites) {
  const SnapshotStore wrong = open({.zero_blocks = ZeroBlocks::kUnchanged, .sync = Sync::kOff});
  EXPECT_THAT(run(wrong, GetParam(), 2000), testing::HasSubstr("has other bytes than the model"));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, testing::Values(1, 2, 3));

}  // namespace
}  // namespace snaphammer::snapshot
