// The life of page-cache: random acts on files at a measured pace; and the commands meanwhile. A check reads all.
//
//   FileWork work(options, STDIN_FILENO);
//   return work.run() ? 0 : 1;
#pragma once

#include <memory>

#include "guest-workloads/workloads/base/commands.h"
#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/base/pace.h"
#include "guest-workloads/workloads/page-cache/file_set.h"
#include "guest-workloads/workloads/page-cache/options.h"

namespace snaphammer::page_cache {

std::string finding_line(const PageFinding& finding);

class FileWork {
 public:
  FileWork(const Options& options, int commands);

  /// Runs until `stop` or the end of the commands. False, with the reason on standard error, when the files cannot be
  /// worked on.
  bool run();

 private:
  using Clock = workload::Commands::Clock;

  // Each returns what failed, or an empty text.
  std::string make_files();
  std::string work();
  std::string answer_check();
  /// Serves commands for as long as the pace says. False when it is time to end.
  bool rest();
  void beat_when_due();
  workload::JsonObject counters() const;
  void take(const PageFinding& finding);

  Options options_;
  workload::Output output_;
  workload::Commands commands_;
  workload::Pace pace_;
  workload::Choice choice_;
  std::unique_ptr<FileSet> files_;
  std::uint64_t checks_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t stale_ = 0;
  bool ended_ = false;
  Clock::time_point last_beat_;
};

}  // namespace snaphammer::page_cache
