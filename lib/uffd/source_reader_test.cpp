#include "lib/uffd/source_reader.h"

#include <cstring>
#include <functional>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/uffd/testing/file_source.h"
#include "lib/uffd/testing/pattern_source.h"

namespace snaphammer::uffd {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ByteCount kMemory = 1_MiB;
constexpr unsigned kRetries = 2;

// A PatternSource whose reads do what the test says.
class ScriptedSource : public PatternSource {
 public:
  using Read = std::function<Result<std::span<const std::byte>>(ByteCount, std::size_t, std::span<std::byte>)>;

  ScriptedSource() : PatternSource(kMemory, {{64_KiB, 8_KiB}, {128_KiB, 4_KiB}}) {}

  Result<std::span<const std::byte>> read(ByteCount offset, std::size_t length,
                                          std::span<std::byte> scratch) const override {
    ++reads;
    if (script) return script(offset, length, scratch);
    return PatternSource::read(offset, length, scratch);
  }
  Result<std::span<const std::byte>> good(ByteCount offset, std::size_t length) const {
    return PatternSource::read(offset, length, {});
  }

  Read script;
  mutable unsigned reads = 0;
};

class SourceReaderTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(stop_.open()); }

  static Error broken_disk() { return Error(ErrorKind::kIo, "the disk is broken"); }
  void fail_first(unsigned count) {
    source_.script = [this, count](ByteCount offset, std::size_t length, std::span<std::byte>) {
      return source_.reads <= count ? Result<std::span<const std::byte>>(broken_disk()) : source_.good(offset, length);
    };
  }
  void expect_pattern(std::span<const std::byte> bytes, ByteCount offset) const {
    const auto wanted = source_.good(offset, bytes.size());
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), wanted->begin()));
  }
  std::vector<TraceKind> traced() const {
    std::vector<TraceKind> kinds;
    for (const TraceEvent& event : trace_.events()) kinds.push_back(event.kind);
    return kinds;
  }

  ScriptedSource source_;
  Counters counters_;
  Trace trace_{0};
  StopSignal stop_;
  SourceReader reader_{source_, kRetries, counters_, trace_, stop_};
};

TEST_F(SourceReaderTest, GivesTheBytesOfTheSource) {
  const auto bytes = reader_.read(64_KiB, 8_KiB);
  ASSERT_TRUE(bytes);
  EXPECT_THAT(*bytes, SizeIs(8_KiB));
  expect_pattern(*bytes, 64_KiB);
  EXPECT_EQ(source_.reads, 1u);
  EXPECT_THAT(traced(), IsEmpty());
}

TEST_F(SourceReaderTest, LendsTheSourceABufferOfTheLengthOrMore) {
  source_.script = [](ByteCount offset, std::size_t length, std::span<std::byte> scratch) {
    if (scratch.size() < length) return Result<std::span<const std::byte>>(broken_disk());
    std::memset(scratch.data(), static_cast<int>(offset / kPageSize), length);
    return Result<std::span<const std::byte>>(scratch.first(length));
  };
  for (const ByteCount length : {4_KiB, 256_KiB, 8_KiB}) {
    const auto bytes = reader_.read(7 * kPageSize, length);
    ASSERT_TRUE(bytes) << bytes.error().describe();
    EXPECT_THAT(*bytes, SizeIs(length));
    EXPECT_THAT(*bytes, Each(std::byte{7}));
  }
}

TEST_F(SourceReaderTest, RepeatsAReadThatFailed) {
  fail_first(kRetries);
  const auto bytes = reader_.read(64_KiB, 4_KiB);
  ASSERT_TRUE(bytes) << bytes.error().describe();
  expect_pattern(*bytes, 64_KiB);
  EXPECT_EQ(source_.reads, kRetries + 1);
  EXPECT_EQ(counters_.read_retries.get(), kRetries);
  EXPECT_EQ(counters_.read_failures.get(), 0u);
}

TEST_F(SourceReaderTest, GivesUpAfterItsRetries) {
  fail_first(1000);
  const auto bytes = reader_.read(64_KiB, 4_KiB);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().kind(), ErrorKind::kIo);
  EXPECT_THAT(bytes.error().message(), HasSubstr("page 0x10000: 3 tries"));
  EXPECT_THAT(bytes.error().message(), HasSubstr("the disk is broken"));
  EXPECT_EQ(source_.reads, kRetries + 1);
  EXPECT_EQ(counters_.read_retries.get(), kRetries);
  EXPECT_EQ(counters_.read_failures.get(), 1u);
}

TEST_F(SourceReaderTest, TriesOnceWithoutRetries) {
  fail_first(1000);
  SourceReader once(source_, 0, counters_, trace_, stop_);
  EXPECT_FALSE(once.read(0, 4_KiB));
  EXPECT_EQ(source_.reads, 1u);
  EXPECT_EQ(counters_.read_retries.get(), 0u);
  EXPECT_EQ(counters_.read_failures.get(), 1u);
}

TEST_F(SourceReaderTest, ReadsOnAfterAFailure) {
  fail_first(kRetries + 1);
  EXPECT_FALSE(reader_.read(64_KiB, 4_KiB));
  EXPECT_TRUE(reader_.read(64_KiB, 4_KiB));
}

TEST_F(SourceReaderTest, TracesEachFailureAtItsRange) {
  fail_first(1000);
  EXPECT_FALSE(reader_.read(64_KiB, 8_KiB));
  const std::vector<TraceEvent> events = trace_.events();
  ASSERT_THAT(events, SizeIs(kRetries + 1));
  for (const TraceEvent& event : events) {
    EXPECT_EQ(event.kind, TraceKind::kReadError);
    EXPECT_EQ(event.extent, (Extent{64_KiB, 8_KiB}));
  }
}

TEST_F(SourceReaderTest, AShortReadIsAFailure) {
  source_.script = [this](ByteCount offset, std::size_t length, std::span<std::byte>) {
    return source_.good(offset, length - 1);
  };
  const auto bytes = reader_.read(64_KiB, 4_KiB);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(bytes.error().message(), HasSubstr("4095 of 4096 bytes"));
  EXPECT_EQ(source_.reads, kRetries + 1);
}

TEST_F(SourceReaderTest, AFileThatWasCutOffIsAFailureAndNoSignal) {
  const FileSource file(kMemory);
  source_.script = [&file](ByteCount offset, std::size_t length, std::span<std::byte> scratch) {
    return file.read(offset, length, scratch);
  };
  file.resize(64_KiB);
  EXPECT_TRUE(reader_.read(60_KiB, 4_KiB));
  const auto bytes = reader_.read(60_KiB, 8_KiB);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(bytes.error().message(), HasSubstr("cut off"));
}

TEST_F(SourceReaderTest, AReadLongerThanAskedForIsAFailure) {
  source_.script = [this](ByteCount offset, std::size_t length, std::span<std::byte>) {
    return source_.good(offset, length + kPageSize);
  };
  EXPECT_FALSE(reader_.read(64_KiB, 4_KiB));
}

TEST_F(SourceReaderTest, StopEndsItBetweenTwoTries) {
  SourceReader patient(source_, 1000, counters_, trace_, stop_);
  source_.script = [this](ByteCount, std::size_t, std::span<std::byte>) {
    if (source_.reads == 2) stop_.set();
    return Result<std::span<const std::byte>>(broken_disk());
  };
  const auto bytes = patient.read(0, 4_KiB);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().kind(), ErrorKind::kCancelled);
  EXPECT_EQ(source_.reads, 2u);
  EXPECT_EQ(counters_.read_failures.get(), 0u) << "nobody knows whether the next try would have failed";
}

TEST_F(SourceReaderTest, StopDoesNotSpoilAReadThatSucceeds) {
  stop_.set();
  EXPECT_TRUE(reader_.read(64_KiB, 4_KiB));
}

bool is_mapped(const std::byte* address) {
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::uint64_t entry = 0;
  const auto at = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(address) / kPageSize * sizeof entry);
  EXPECT_EQ(::pread(pagemap.get(), &entry, sizeof entry, at), static_cast<ssize_t>(sizeof entry));
  return (entry >> 63) != 0;
}

TEST_F(SourceReaderTest, WhatItGivesIsInMemory) {
  constexpr ByteCount kPages = 40;
  const auto untouched = Mapping::map(kPages * kPageSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
  ASSERT_TRUE(untouched);
  source_.script = [&untouched](ByteCount, std::size_t, std::span<std::byte>) {
    return Result<std::span<const std::byte>>(untouched->bytes());
  };
  ASSERT_FALSE(is_mapped(untouched->data()));
  ASSERT_TRUE(reader_.read(0, kPages * kPageSize));
  for (ByteCount page = 0; page < kPages; ++page) EXPECT_TRUE(is_mapped(untouched->data() + page * kPageSize)) << page;
}

TEST_F(SourceReaderTest, KnowsWhereDataMayBe) {
  EXPECT_TRUE(reader_.has_data(64_KiB, 4_KiB));
  EXPECT_TRUE(reader_.has_data(68_KiB, 4_KiB));
  EXPECT_TRUE(reader_.has_data(128_KiB, 4_KiB));
  EXPECT_FALSE(reader_.has_data(60_KiB, 4_KiB)) << "ends where data begins";
  EXPECT_FALSE(reader_.has_data(72_KiB, 4_KiB)) << "begins where data ends";
  EXPECT_FALSE(reader_.has_data(72_KiB, 56_KiB)) << "between two extents";
  EXPECT_FALSE(reader_.has_data(132_KiB, kMemory - 132_KiB));
}

TEST_F(SourceReaderTest, ARangeHasDataIfAnyPartOfItHas) {
  EXPECT_TRUE(reader_.has_data(0, kMemory));
  EXPECT_TRUE(reader_.has_data(60_KiB, 8_KiB));
  EXPECT_TRUE(reader_.has_data(68_KiB, 60_KiB));
  EXPECT_TRUE(reader_.has_data(100_KiB, 100_KiB));
}

}  // namespace
}  // namespace snaphammer::uffd
