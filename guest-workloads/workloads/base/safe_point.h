// Where the threads of a workload can be held: each comes by between two pieces of work, and stays while it is closed.
//
//   while (safe_point.pass(pace.rest())) work();          // the threads
//
//   safe_point.close();                                   // their owner; returns when all of them are held
//   ... nobody is at work ...
//   safe_point.open();
//   safe_point.end();                                     // pass() returns false from now on; join them
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace snaphammer::workload {

class SafePoint {
 public:
  explicit SafePoint(std::size_t threads) : threads_(threads) {}

  /// Rests for so long, unless it is closed or ended meanwhile; returns when it is open. False when it has ended.
  bool pass(std::chrono::nanoseconds rest);

  void close();
  void open();
  void end();

 private:
  const std::size_t threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t held_ = 0;
  bool closed_ = false;
  bool ended_ = false;
};

}  // namespace snaphammer::workload
