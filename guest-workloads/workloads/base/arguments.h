// The command line of a workload: `--name value` pairs, each declared once, with what it sets and what it is for.
//
//   Options options;
//   Arguments arguments("zero-pages", "Keeps memory and checks it.");
//   arguments.size("resident", options.resident, "memory that is kept", {.low = 4096, .multiple_of = 4096});
//   arguments.time("hold", options.hold, "how long it is kept");
//   if (const auto status = arguments.read(argc, argv)) return *status;      // --help, or a wrong argument
//
// The value that a variable has when it is declared is the default that --help names. Variables must outlive it.
// Sizes are 4KiB, 150MiB, 1GiB; times 500ms, 3s, 1m, 1h, or plain milliseconds; 250us and 1ns are taken for 1ms.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace snaphammer::workload {

/// Both ends are valid. In the argument's smallest unit: bytes, milliseconds, one.
struct Bounds {
  std::uint64_t low = 0;
  std::uint64_t high = std::numeric_limits<std::int64_t>::max();
  std::uint64_t multiple_of = 1;
};

inline constexpr Bounds kAnyNumber{.high = std::numeric_limits<std::uint64_t>::max()};

class Arguments {
 public:
  /// `about`: what the program does, in whole lines.
  Arguments(std::string program, std::string about) : program_(std::move(program)), about_(std::move(about)) {}

  void size(std::string name, std::size_t& value, std::string help, Bounds bounds = {});
  void time(std::string name, std::chrono::milliseconds& value, std::string help, Bounds bounds = {});
  void number(std::string name, std::uint64_t& value, std::string help, Bounds bounds = kAnyNumber);
  void text(std::string name, std::string& value, std::string help);
  void choice(std::string name, std::string& value, std::vector<std::string> choices, std::string help);

  /// Sets the variables. Returns what is wrong, or an empty text.
  std::string parse(const std::vector<std::string>& arguments) const;
  std::string usage() const;

  /// parse() for a main(): the exit status when there is nothing to run, which has then been explained.
  std::optional<int> read(int argc, char** argv) const;

 private:
  struct Argument {
    std::string name;
    std::string kind;  ///< "SIZE"
    std::string standard;
    std::string help;
    /// What was expected, when the text is not valid.
    std::function<std::string(const std::string&)> set;
  };

  std::string program_;
  std::string about_;
  std::vector<Argument> arguments_;
};

}  // namespace snaphammer::workload
