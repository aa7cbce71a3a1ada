// Files whose every byte is known: from seed, file, page and how often the page was written; every eighth time it is
// written as zeros. A page that was never written, or punched out, is a hole and has to be zero.
//
//   FileSet files(directory, {.files = 64, .pages_per_file = 128, .seed = 1}, sink);
//   if (const std::string wrong = files.create(0); !wrong.empty()) ...
//   files.step(choice);                          // one random act, on one file
//   files.verify(0);
//
// All system calls' failures are texts: "write /tmp/.../f7: No space left on device". One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::page_cache {

enum class Defect {
  kLostWrite,  ///< A page does not hold what was last written to it.
  kStalePage,  ///< A hole is not zero.
};

/// One page that is wrong, from its first wrong byte on.
struct PageFinding {
  static constexpr std::size_t kShown = 32;

  Defect defect = Defect::kLostWrite;
  std::string file;  ///< Its path.
  std::uint64_t page = 0;
  std::uint64_t offset = 0;      ///< In the file, of the first wrong byte.
  std::uint32_t generation = 0;  ///< What it should hold; 0 is a hole.
  const char* read_by = "";      ///< "read" or "mmap".
  std::string held;              ///< "zeros", "generation 3", "other bytes".
  std::size_t shown = 0;         ///< Bytes in the two arrays.
  std::uint8_t expected[kShown] = {};
  std::uint8_t read[kShown] = {};
};

struct Acts {
  std::uint64_t written = 0;  ///< Pages, by write().
  std::uint64_t mapped = 0;   ///< Pages, through a mapping.
  std::uint64_t punched = 0;  ///< Pages.
  std::uint64_t truncated = 0;
  std::uint64_t replaced = 0;  ///< Files deleted and created anew.
  std::uint64_t verified = 0;  ///< Pages.
  std::uint64_t holes = 0;     ///< Of those, were to be zero.
};

class FileSet {
 public:
  struct Shape {
    std::size_t files = 0;
    std::size_t pages_per_file = 0;
    std::uint64_t seed = 0;
  };
  using Sink = std::function<void(const PageFinding&)>;

  /// `directory` exists; it and the files in it are removed with this.
  FileSet(std::string directory, const Shape& shape, Sink sink);
  ~FileSet();
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  std::size_t files() const { return files_.size(); }
  std::string path(std::size_t file) const;
  /// What a page should hold; 0 is a hole.
  std::uint32_t generation(std::size_t file, std::size_t page) const { return files_[file].pages[page]; }
  const Acts& acts() const { return acts_; }

  // Each returns what failed, or an empty text.
  std::string create(std::size_t file);
  std::string step(workload::Choice& choice);
  std::string verify(std::size_t file);

 private:
  static constexpr std::size_t kPageWords = workload::kPageBytes / sizeof(std::uint64_t);
  struct File {
    std::vector<std::uint32_t> pages;  ///< The generation of each.
    std::uint32_t last = 0;  ///< The latest generation that was given out; never again, also not to a new file.
  };
  struct Run {
    std::size_t first;
    std::size_t count;
  };

  workload::KeyedWords words_of(std::size_t file, std::size_t page, std::uint32_t generation) const;
  Run choose_run(workload::Choice& choice) const;
  std::string write(std::size_t file, const Run& run);
  std::string write_mapped(std::size_t file, const Run& run);
  std::string punch(std::size_t file, const Run& run);
  std::string cut(std::size_t file, std::size_t pages);
  std::string replace(std::size_t file);
  std::string verify_mapped(std::size_t file, const Run& run);

  void fill(std::size_t file, std::size_t page, std::uint32_t generation, std::span<std::uint64_t> words) const;
  bool holds(std::size_t file, std::size_t page, std::uint32_t generation, std::span<const std::uint64_t> words) const;
  /// False, and the finding told, when it is wrong.
  bool judge(std::size_t file, std::size_t page, std::span<const std::uint64_t> words, const char* read_by);
  std::string describe_held(std::size_t file, std::size_t page, std::span<const std::uint64_t> words) const;
  /// Makes wrong pages right, so that each is told once.
  std::string repair(std::size_t file, std::size_t page);

  const std::string directory_;
  const Shape shape_;
  const Sink sink_;
  std::vector<File> files_;
  Acts acts_;
};

}  // namespace snaphammer::page_cache
