// A workload's standard output: lines are collected and written many at once.
//
// A write blocks while nobody takes the lines, as the contract wants it. One thread.
#pragma once

#include <string>
#include <string_view>

#include <unistd.h>

namespace snaphammer::workload {

class Output {
 public:
  explicit Output(int descriptor = STDOUT_FILENO) : descriptor_(descriptor) {}

  /// The line ends in a newline.
  void write(std::string_view line);
  /// Ends the program when nobody is there any more.
  void flush();

 private:
  int descriptor_;
  std::string waiting_;
};

}  // namespace snaphammer::workload
