// The life of ledger: the server in its thread, and the commands meanwhile.
//
//   Serving serving(options, STDIN_FILENO);
//   if (std::string wrong = serving.run(); !wrong.empty()) ...
//
// Quiesced it enters nothing: what clients send waits. A check reads every entry.
#pragma once

#include <mutex>
#include <set>
#include <string>

#include "guest-workloads/workloads/base/commands.h"
#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/ledger/book.h"
#include "guest-workloads/workloads/ledger/book_file.h"
#include "guest-workloads/workloads/ledger/options.h"
#include "guest-workloads/workloads/ledger/server.h"

namespace snaphammer::ledger {

class Serving {
 public:
  Serving(const Options& options, int commands);

  /// Until `stop` or the end of the commands. What is wrong, or an empty text.
  std::string run();

 private:
  void quiesce();
  void resume();
  void answer_checks();
  void beat_when_due();
  workload::JsonObject counters() const;

  Options options_;
  workload::Output output_;
  Book book_;
  BookFile file_;
  Server server_;
  std::unique_lock<std::mutex> stillness_;  ///< Held while quiesced.
  workload::Commands commands_;
  std::set<Book::Position> reported_;
  workload::Commands::Clock::time_point last_beat_{};
};

}  // namespace snaphammer::ledger
