#include "guest-workloads/workloads/spawn/family.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::spawn {
namespace {

constexpr char kLeafArgument[] = "--leaf";
constexpr std::size_t kLetterWords = 512;  // What a leaf is fed: a page.
constexpr std::uint64_t kInheritanceKey = ~std::uint64_t{0};

void linger(std::chrono::milliseconds time) { ::poll(nullptr, 0, static_cast<int>(time.count())); }

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return kCouldNot;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kWrongChild;
}

bool write_all(int file, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(file, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

Family::Family(std::uint64_t seed, const Shape& shape) : seed_(seed), shape_(shape), inheritance_(kWords) {
  const workload::KeyedWords words(seed_, kInheritanceKey);
  for (std::size_t i = 0; i < kWords; ++i) inheritance_[i] = words.at(i);
}

std::uint64_t Family::processes() const {
  std::uint64_t all = 0;
  std::uint64_t level = 1;
  for (std::uint64_t depth = 0; depth <= shape_.depth; ++depth, level *= shape_.fan) all += level;
  return all;
}

// A node's key: the round, and one digit per level for which child it is.
int Family::status(std::uint64_t node) const {
  return static_cast<int>(workload::mix(seed_ ^ node * workload::kGolden) % kGoodStatuses);
}

int Family::tree_status(std::uint64_t round) const { return status(round << 32 | 1); }

pid_t Family::start_tree(std::uint64_t round) {
  const pid_t supervisor = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != supervisor) ::_exit(kCouldNot);
  live(round << 32 | 1, shape_.depth);
}

void Family::live(std::uint64_t node, std::uint64_t depth) {
  if (!inherited_right()) ::_exit(kWrongMemory);
  const int children = have_children(node, depth);
  if (children != 0) ::_exit(children);
  // Its own copy of the pages, which the parent must never see.
  if (!keeps_own(node)) ::_exit(kWrongMemory);
  ::_exit(status(node));
}

/// 0, or what is wrong with one of them.
int Family::have_children(std::uint64_t node, std::uint64_t depth) {
  std::vector<std::pair<pid_t, std::uint64_t>> children;
  int wrong = 0;
  for (std::uint64_t i = 0; i < shape_.fan && wrong == 0; ++i) {
    const std::uint64_t key = (node & ~std::uint64_t{0xffffffff}) | ((node & 0xffffffff) * 16 + i);
    pid_t child = -1;
    if (depth == 1) {
      child = start_leaf(key);
    } else if ((child = ::fork()) == 0) {
      live(key, depth - 1);
    }
    if (child < 0) wrong = kCouldNot;
    if (child > 0) children.emplace_back(child, key);
  }
  for (const auto& [child, key] : children) {
    const int ended = wait_for(child);
    if (ended >= kGoodStatuses) wrong = std::max(wrong, ended);
    if (ended < kGoodStatuses && ended != status(key)) wrong = kWrongChild;
  }
  return wrong;
}

pid_t Family::start_leaf(std::uint64_t node) {
  int letter[2];
  if (::pipe2(letter, O_CLOEXEC) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(letter[0], STDIN_FILENO);
    const std::string seed = std::to_string(seed_), key = std::to_string(node),
                      ends_with = std::to_string(status(node)), time = std::to_string(shape_.linger.count());
    ::execl("/proc/self/exe", "spawn", kLeafArgument, seed.c_str(), key.c_str(), ends_with.c_str(), time.c_str(),
            static_cast<char*>(nullptr));
    std::perror("spawn: run /proc/self/exe");
    ::_exit(kCouldNot);
  }
  ::close(letter[0]);
  std::uint64_t words[kLetterWords];
  const workload::KeyedWords text(seed_, node);
  for (std::size_t i = 0; i < kLetterWords; ++i) words[i] = text.at(i);
  // No more than a pipe takes at once, so that no reader is waited for; one that is gone shows by its status.
  ::signal(SIGPIPE, SIG_IGN);
  write_all(letter[1], words, sizeof words);
  ::close(letter[1]);
  return child;
}

bool Family::inherited_right() const {
  const workload::KeyedWords words(seed_, kInheritanceKey);
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < kWords; ++i) difference |= inheritance_[i] ^ words.at(i);
  return difference == 0;
}

bool Family::keeps_own(std::uint64_t node) {
  const workload::KeyedWords words(seed_, node);
  for (std::size_t i = 0; i < kWords; ++i) inheritance_[i] = words.at(i);
  linger(std::chrono::milliseconds(1));
  std::uint64_t difference = 0;
  const volatile std::uint64_t* memory = inheritance_.data();
  for (std::size_t i = 0; i < kWords; ++i) difference |= memory[i] ^ words.at(i);
  return difference == 0;
}

pid_t Family::start_orphan() {
  int result[2];
  if (::pipe2(result, O_CLOEXEC) != 0) return -1;
  const pid_t parent = ::fork();
  if (parent == 0) {
    const pid_t orphan = ::fork();
    if (orphan == 0) {
      ::close(result[1]);
      linger(shape_.linger);
      ::_exit(inherited_right() ? 0 : kWrongMemory);
    }
    write_all(result[1], &orphan, sizeof orphan);
    ::_exit(0);
  }
  ::close(result[1]);
  pid_t orphan = -1;
  if (parent < 0 || ::read(result[0], &orphan, sizeof orphan) != sizeof orphan) orphan = -1;
  ::close(result[0]);
  if (parent > 0) wait_for(parent);
  return orphan;
}

bool is_leaf(int argc, char** argv) { return argc == 6 && std::strcmp(argv[1], kLeafArgument) == 0; }

int leaf_main(int, char** argv) {
  const workload::KeyedWords text(std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10));
  std::uint64_t words[kLetterWords + 1];
  std::size_t size = 0;
  while (size < sizeof words) {
    const ssize_t n = ::read(STDIN_FILENO, reinterpret_cast<char*>(words) + size, sizeof words - size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  bool right = size == kLetterWords * sizeof(std::uint64_t);
  for (std::size_t i = 0; right && i < kLetterWords; ++i) right = words[i] == text.at(i);
  linger(std::chrono::milliseconds(std::strtoll(argv[5], nullptr, 10)));
  return right ? std::atoi(argv[4]) : kWrongMemory;
}

}  // namespace snaphammer::spawn
