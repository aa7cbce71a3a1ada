#include "guest-workloads/workloads/page-cache/file_set.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace snaphammer::page_cache {
namespace {

using workload::kPageBytes;
constexpr std::size_t kMostAtOnce = 16;  // Pages of one act.
constexpr std::uint32_t kGenerationsKnown = 64;
constexpr std::uint32_t kZerosEvery = 8;  // Generations: what is written as zeros must not come back as what it was.

bool is_zeros(std::uint32_t generation) { return generation % kZerosEvery == 0; }

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : value_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  explicit operator bool() const { return value_ >= 0; }
  int get() const { return value_; }

 private:
  int value_;
};

class FileMapping {
 public:
  FileMapping(int file, std::size_t first, std::size_t pages, int protection)
      : bytes_(pages * kPageBytes),
        address_(::mmap(nullptr, bytes_, protection, MAP_SHARED, file, static_cast<off_t>(first * kPageBytes))) {}
  ~FileMapping() {
    if (*this) ::munmap(address_, bytes_);
  }
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;
  explicit operator bool() const { return address_ != MAP_FAILED; }
  std::span<std::uint64_t> words() const {
    return {static_cast<std::uint64_t*>(address_), bytes_ / sizeof(std::uint64_t)};
  }

 private:
  std::size_t bytes_;
  void* address_;
};

std::string failed(const char* what, const std::string& path) {
  return std::string(what) + " " + path + ": " + std::strerror(errno);
}

off_t offset_of(std::size_t page) { return static_cast<off_t>(page * kPageBytes); }

}  // namespace

FileSet::FileSet(std::string directory, const Shape& shape, Sink sink)
    : directory_(std::move(directory)), shape_(shape), sink_(std::move(sink)), files_(shape.files) {}

FileSet::~FileSet() {
  for (std::size_t file = 0; file < files_.size(); ++file) ::unlink(path(file).c_str());
  ::rmdir(directory_.c_str());
}

std::string FileSet::path(std::size_t file) const { return directory_ + "/f" + std::to_string(file); }

workload::KeyedWords FileSet::words_of(std::size_t file, std::size_t page, std::uint32_t generation) const {
  const std::uint64_t place = std::uint64_t{file} << 32 | page;
  return {shape_.seed ^ workload::mix(place), generation};
}

void FileSet::fill(std::size_t file, std::size_t page, std::uint32_t generation,
                   std::span<std::uint64_t> page_words) const {
  if (is_zeros(generation)) return std::fill(page_words.begin(), page_words.end(), 0);
  const workload::KeyedWords words = words_of(file, page, generation);
  for (std::size_t i = 0; i < kPageWords; ++i) page_words[i] = words.at(i);
}

bool FileSet::holds(std::size_t file, std::size_t page, std::uint32_t generation,
                    std::span<const std::uint64_t> page_words) const {
  std::uint64_t difference = 0;
  if (is_zeros(generation)) {
    for (const std::uint64_t word : page_words) difference |= word;
  } else {
    const workload::KeyedWords words = words_of(file, page, generation);
    for (std::size_t i = 0; i < kPageWords; ++i) difference |= page_words[i] ^ words.at(i);
  }
  return difference == 0;
}

std::string FileSet::create(std::size_t file) {
  const Descriptor created(path(file), O_RDWR | O_CREAT | O_EXCL);
  if (!created) return failed("create", path(file));
  files_[file].pages.assign(shape_.pages_per_file, 0);
  if (::ftruncate(created.get(), offset_of(shape_.pages_per_file)) != 0) return failed("grow", path(file));
  for (std::size_t first = 0; first < shape_.pages_per_file; first += kMostAtOnce) {
    const Run run{first, std::min(kMostAtOnce, shape_.pages_per_file - first)};
    if (std::string wrong = write(file, run); !wrong.empty()) return wrong;
  }
  return "";
}

FileSet::Run FileSet::choose_run(workload::Choice& choice) const {
  const std::size_t first = choice.below(shape_.pages_per_file);
  return {first, 1 + choice.below(std::min(kMostAtOnce, shape_.pages_per_file - first))};
}

std::string FileSet::step(workload::Choice& choice) {
  const std::size_t file = choice.below(files_.size());
  const Run run = choose_run(choice);
  switch (choice.below(16)) {
    case 0:
      return replace(file);
    case 1:
      return cut(file, run.first);
    case 2:
    case 3:
      return punch(file, run);
    case 4:
    case 5:
    case 6:
      return write_mapped(file, run);
    case 7:
    case 8:
      return verify(file);
    case 9:
    case 10:
      return verify_mapped(file, run);
    default:
      return write(file, run);
  }
}

std::string FileSet::write(std::size_t file, const Run& run) {
  const Descriptor opened(path(file), O_WRONLY);
  if (!opened) return failed("open", path(file));
  File& state = files_[file];
  ++state.last;
  std::uint64_t words[kMostAtOnce * kPageWords];
  for (std::size_t i = 0; i < run.count; ++i) {
    fill(file, run.first + i, state.last, std::span(words).subspan(i * kPageWords, kPageWords));
    state.pages[run.first + i] = state.last;
  }
  const auto bytes = static_cast<ssize_t>(run.count * kPageBytes);
  if (::pwrite(opened.get(), words, run.count * kPageBytes, offset_of(run.first)) != bytes) {
    return failed("write", path(file));
  }
  acts_.written += run.count;
  return "";
}

std::string FileSet::write_mapped(std::size_t file, const Run& run) {
  const Descriptor opened(path(file), O_RDWR);
  if (!opened) return failed("open", path(file));
  const FileMapping mapping(opened.get(), run.first, run.count, PROT_READ | PROT_WRITE);
  if (!mapping) return failed("map", path(file));
  File& state = files_[file];
  ++state.last;
  for (std::size_t i = 0; i < run.count; ++i) {
    fill(file, run.first + i, state.last, mapping.words().subspan(i * kPageWords, kPageWords));
    state.pages[run.first + i] = state.last;
  }
  acts_.mapped += run.count;
  return "";
}

std::string FileSet::punch(std::size_t file, const Run& run) {
  const Descriptor opened(path(file), O_WRONLY);
  if (!opened) return failed("open", path(file));
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (::fallocate(opened.get(), kPunch, offset_of(run.first), offset_of(run.count)) != 0) {
    return failed("punch a hole into", path(file));
  }
  std::fill_n(files_[file].pages.begin() + static_cast<std::ptrdiff_t>(run.first), run.count, 0);
  acts_.punched += run.count;
  return "";
}

// Everything from that page on becomes a hole: the file is cut there, and grows again.
std::string FileSet::cut(std::size_t file, std::size_t pages) {
  if (::truncate(path(file).c_str(), offset_of(pages)) != 0 ||
      ::truncate(path(file).c_str(), offset_of(shape_.pages_per_file)) != 0) {
    return failed("truncate", path(file));
  }
  std::fill(files_[file].pages.begin() + static_cast<std::ptrdiff_t>(pages), files_[file].pages.end(), 0);
  ++acts_.truncated;
  return "";
}

std::string FileSet::replace(std::size_t file) {
  if (std::string wrong = verify(file); !wrong.empty()) return wrong;
  if (::unlink(path(file).c_str()) != 0) return failed("delete", path(file));
  ++acts_.replaced;
  return create(file);
}

std::string FileSet::verify(std::size_t file) {
  const Descriptor opened(path(file), O_RDONLY);
  if (!opened) return failed("open", path(file));
  std::uint64_t words[kMostAtOnce * kPageWords];
  for (std::size_t first = 0; first < shape_.pages_per_file; first += kMostAtOnce) {
    const std::size_t count = std::min(kMostAtOnce, shape_.pages_per_file - first);
    const ssize_t n = ::pread(opened.get(), words, count * kPageBytes, offset_of(first));
    if (n < 0) return failed("read", path(file));
    if (static_cast<std::size_t>(n) != count * kPageBytes) return "read " + path(file) + ": it ends too early";
    for (std::size_t i = 0; i < count; ++i) {
      if (judge(file, first + i, std::span(words).subspan(i * kPageWords, kPageWords), "read")) continue;
      if (std::string wrong = repair(file, first + i); !wrong.empty()) return wrong;
    }
  }
  return "";
}

std::string FileSet::verify_mapped(std::size_t file, const Run& run) {
  const Descriptor opened(path(file), O_RDONLY);
  if (!opened) return failed("open", path(file));
  const FileMapping mapping(opened.get(), run.first, run.count, PROT_READ);
  if (!mapping) return failed("map", path(file));
  for (std::size_t i = 0; i < run.count; ++i) {
    if (judge(file, run.first + i, mapping.words().subspan(i * kPageWords, kPageWords), "mmap")) continue;
    if (std::string wrong = repair(file, run.first + i); !wrong.empty()) return wrong;
  }
  return "";
}

bool FileSet::judge(std::size_t file, std::size_t page, std::span<const std::uint64_t> words, const char* read_by) {
  const std::uint32_t generation = files_[file].pages[page];
  ++acts_.verified;
  acts_.holes += generation == 0;
  if (holds(file, page, generation, words)) return true;
  PageFinding finding;
  finding.defect = generation == 0 ? Defect::kStalePage : Defect::kLostWrite;
  finding.file = path(file);
  finding.page = page;
  finding.generation = generation;
  finding.read_by = read_by;
  finding.held = describe_held(file, page, words);
  std::uint64_t expected[kPageWords];
  fill(file, page, generation, expected);
  const auto* right = reinterpret_cast<const std::uint8_t*>(expected);
  const auto* read = reinterpret_cast<const std::uint8_t*>(words.data());
  std::size_t at = 0;
  while (at + 1 < kPageBytes && right[at] == read[at]) ++at;
  finding.offset = page * kPageBytes + at;
  finding.shown = std::min(PageFinding::kShown, kPageBytes - at);
  std::memcpy(finding.expected, right + at, finding.shown);
  std::memcpy(finding.read, read + at, finding.shown);
  sink_(finding);
  return false;
}

std::string FileSet::describe_held(std::size_t file, std::size_t page, std::span<const std::uint64_t> words) const {
  if (std::all_of(words.begin(), words.end(), [](std::uint64_t word) { return word == 0; })) return "zeros";
  for (std::uint32_t back = 0; back <= std::min(files_[file].last, kGenerationsKnown); ++back) {
    const std::uint32_t generation = files_[file].last - back;
    if (holds(file, page, generation, words)) return "generation " + std::to_string(generation);
  }
  return "other bytes";
}

std::string FileSet::repair(std::size_t file, std::size_t page) {
  return files_[file].pages[page] == 0 ? punch(file, {page, 1}) : write(file, {page, 1});
}

}  // namespace snaphammer::page_cache
