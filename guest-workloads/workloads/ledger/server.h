// Server: takes a ledger's clients, in a thread of its own.
//
//   Server server(options, book, file);
//   if (std::string wrong = server.start(); !wrong.empty()) ...     // the ports are listened on when it returns
//   { const std::lock_guard held(server.mutex()); ... }             // it stands still, and the book is the caller's
//
// It enters nothing while its mutex is held by others. Ends with its destruction, for which the mutex is not held.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

#include "guest-workloads/workloads/ledger/book_file.h"
#include "guest-workloads/workloads/ledger/conversation.h"
#include "guest-workloads/workloads/ledger/options.h"

namespace snaphammer::ledger {

class Server {
 public:
  /// All outlive it.
  Server(const Options& options, Book& book, BookFile& file) : options_(options), book_(book), file_(file) {}
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// What is wrong, or an empty text.
  std::string start();
  std::mutex& mutex() { return mutex_; }
  /// With the mutex held: since the start.
  std::uint64_t clients() const { return accepted_; }
  /// With the mutex held: how often the book was replaced by its file's entries.
  std::uint64_t recoveries() const { return recoveries_; }

 private:
  void run();
  std::vector<pollfd> wait() const;
  /// A guest that comes back with its disk alone has what is in the file.
  void recover_after_restore();
  void accept_clients();

  const Options& options_;
  Book& book_;
  BookFile& file_;
  std::mutex mutex_;
  std::vector<int> listeners_;
  int stop_ = -1;  ///< An eventfd.
  std::list<Conversation> conversations_;
  std::string generation_;
  std::uint64_t accepted_ = 0;
  std::uint64_t recoveries_ = 0;
  std::thread thread_;
};

}  // namespace snaphammer::ledger
