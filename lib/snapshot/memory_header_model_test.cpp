// Random chains of headers of a large guest against a flat model: its offsets and lengths need more than 32 bits, a
// signed length or a gap that is only there in a large memory would show. (model_test.cpp has the bytes, of a small one.)
#include <algorithm>
#include <array>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "lib/snapshot/memory_header.h"

namespace snaphammer::snapshot {
namespace {

// Five of them are longer than 2 GiB and nine longer than 4; none begins where a power of two does.
constexpr ByteCount kStripe = 512_MiB - 3 * kPageSize;
constexpr std::size_t kStripes = 24;

/// Where a stripe of guest memory is.
struct Where {
  BuildId build;  // Nil: it is zeros.
  ByteCount storage = 0;
};
using LargeModel = std::array<Where, kStripes>;

class HeaderChain {
 public:
  explicit HeaderChain(std::uint64_t seed) : random_(seed) {}

  /// Takes a generation, against a random earlier one; what is wrong with it, or an empty text.
  std::string step() {
    const BuildId own{{.high = 7, .low = ++counter_}};
    HeaderBuilder builder(own, kStripes * kStripe);
    const auto parent = generations_.empty() ? generations_.end() : pick();
    LargeModel model;
    std::size_t stored = 0;
    for (std::size_t stripe = 0; stripe < kStripes;) {
      const std::size_t end = std::min<std::size_t>(kStripes, stripe + 1 + below(12));
      // The first stores most of its memory, so that files of generations are large, too.
      const std::uint64_t what = parent == generations_.end() ? std::min<std::uint64_t>(1, below(16)) : below(6);
      if (what == 0) {
        builder.append_zeros((end - stripe) * kStripe);
        stripe = end;
      } else if (what == 1) {
        builder.append_stored(blocks_);
        model[stripe++] = {own, stored++ * kStripe};
      } else {
        builder.append_inherited(parent->second.first.map, (end - stripe) * kStripe);
        for (; stripe < end; ++stripe) model[stripe] = parent->second.second[stripe];
      }
    }
    const MemoryHeader header = std::move(builder).finish();
    const auto decoded = decode_header(encode(header));
    if (!decoded) return "decode: " + decoded.error().describe();
    if (*decoded != header) return "it is read back as another";
    std::string wrong = check(header.map, model);
    generations_[counter_] = {header, model};
    return wrong;
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  std::map<std::uint64_t, std::pair<MemoryHeader, LargeModel>>::const_iterator pick() {
    return std::next(generations_.begin(), static_cast<std::ptrdiff_t>(below(generations_.size())));
  }

  static std::string check(const MemoryMap& map, const LargeModel& model) {
    ByteCount position = 0;
    for (const Run& run : map.runs) {
      if (run.offset != position || run.length == 0) return "a gap or an overlap at " + std::to_string(position);
      position = run.end();
    }
    if (position != kStripes * kStripe) return "it ends at " + std::to_string(position);
    for (std::size_t stripe = 0; stripe < kStripes; ++stripe) {
      for (const ByteCount inside : {ByteCount{0}, kStripe / kPageSize / 2 * kPageSize, kStripe - kPageSize}) {
        const ByteCount offset = stripe * kStripe + inside;
        const Run& run = map.runs[map.find_run(offset)];
        const BuildId build = map.sources[run.source];
        const Where& expected = model[stripe];
        if (build != expected.build) return "another generation at " + std::to_string(offset);
        if (!build.nil() && run.storage + (offset - run.offset) != expected.storage + inside) {
          return "another place in the file at " + std::to_string(offset);
        }
      }
    }
    return {};
  }

  std::mt19937_64 random_;
  const std::vector<Checksum> blocks_ = std::vector<Checksum>(kStripe / kPageSize, Checksum{{1, 2}});
  std::map<std::uint64_t, std::pair<MemoryHeader, LargeModel>> generations_;
  std::uint64_t counter_ = 0;
};

class LargeHeaders : public testing::TestWithParam<std::uint64_t> {};

TEST_P(LargeHeaders, OfAChainOfGenerationsMapAFlatMemory) {
  HeaderChain chain(GetParam());
  for (int step = 0; step < 12; ++step) ASSERT_EQ(chain.step(), "") << "step " << step;
}

INSTANTIATE_TEST_SUITE_P(Seeds, LargeHeaders, testing::Values(1, 2, 3));

}  // namespace
}  // namespace snaphammer::snapshot
