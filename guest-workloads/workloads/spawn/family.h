// A tree of processes: each verifies the memory that it inherits, writes its own into its copy, has its children, and
// ends with a status that follows from its key. Leaves run this program anew, fed through a pipe.
//
//   Family family(options.seed, {.depth = 2, .fan = 3});
//   const pid_t tree = family.start_tree(round);
//   ... it ends with family.tree_status(round) ...
//   const pid_t orphan = family.start_orphan();
//
//   int main: if (is_leaf(argc, argv)) return leaf_main(argc, argv);
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace snaphammer::spawn {

/// How a process of the tree tells its parent what went wrong. Good ones are below.
enum Status : int {
  kGoodStatuses = 64,
  kWrongMemory = 100,  ///< What it inherited, or wrote, does not read back.
  kWrongChild = 101,   ///< A child ended with a status that is not its own.
  kCouldNot = 102,     ///< A system call failed; said on standard error.
};

class Family {
 public:
  struct Shape {
    std::uint64_t depth = 2;
    std::uint64_t fan = 3;
    std::chrono::milliseconds linger{20};
  };

  Family(std::uint64_t seed, const Shape& shape);

  /// The root of a tree, in a process group of its own. -1 when it could not be started.
  pid_t start_tree(std::uint64_t round);
  /// What that ends with when all is right.
  int tree_status(std::uint64_t round) const;

  /// A process whose parent has ended: it ends by itself after `linger`. -1 when it could not be started.
  pid_t start_orphan();

  /// All of a tree without the orphans.
  std::uint64_t processes() const;

  /// For who wants to damage it from outside: the memory that all inherit.
  const std::vector<std::uint64_t>& inheritance() const { return inheritance_; }

 private:
  static constexpr std::size_t kWords = 64 * 512;  // 256 KiB.

  [[noreturn]] void live(std::uint64_t node, std::uint64_t depth);
  int have_children(std::uint64_t node, std::uint64_t depth);
  pid_t start_leaf(std::uint64_t node);
  bool inherited_right() const;
  bool keeps_own(std::uint64_t node);
  int status(std::uint64_t node) const;

  std::uint64_t seed_;
  Shape shape_;
  std::vector<std::uint64_t> inheritance_;
};

bool is_leaf(int argc, char** argv);
/// Reads its input, checks it against the arguments, lives for a while; returns its status.
int leaf_main(int argc, char** argv);

}  // namespace snaphammer::spawn
