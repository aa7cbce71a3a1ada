// Conversation: one client's connection to a ledger. It reads requests, has them executed one after the other, and
// answers in their order.
//
//   Conversation client(descriptor, work);
//   poll for client.events(), until client.wake_at()
//   if (!client.go_on(book, now)) ... it has ended
//
// Nothing in it blocks. The descriptor is closed with it. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "guest-workloads/workloads/ledger/book.h"

namespace snaphammer::ledger {

class Conversation {
 public:
  using Clock = std::chrono::steady_clock;

  /// `work`: from a request's entry to its answer.
  Conversation(int descriptor, std::chrono::milliseconds work) : descriptor_(descriptor), work_(work) {}
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  int descriptor() const { return descriptor_; }
  /// For poll().
  short events() const;
  /// When there is something to do although nothing has come.
  std::optional<Clock::time_point> wake_at() const { return answer_at_; }
  /// Does what can be done now. False when it is over: the client has gone, or broke the protocol.
  bool go_on(Book& book, Clock::time_point now);

 private:
  bool receive();
  /// False when a line is no request.
  bool obey(Book& book, Clock::time_point now);
  bool send();

  int descriptor_;
  std::chrono::milliseconds work_;
  std::string received_;
  std::string to_send_;
  std::string answer_;  ///< Of the request whose work is being done.
  std::optional<Clock::time_point> answer_at_;
  bool at_end_ = false;  ///< Nothing more comes.
};

}  // namespace snaphammer::ledger
