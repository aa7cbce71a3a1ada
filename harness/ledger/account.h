// Account: what clients of a ledger were answered, through every snapshot and restore of its guest, and what is wrong with
// the ledger's record in the light of that.
//
//   Account account;
//   account.answered(account.life(), nonce, SteadyClock::now());
//   account.snapshot_taken("s1", frozen_at);
//   account.restore_begins();                       // clients open no connections now
//   account.restore_ended("s1");
//   for (const Defect& defect : account.judge(account.due(), record)) ...
//
// A restore takes back what the guest did after the snapshot's freeze, and rightly. So what is due in the guest's record is
// what was acknowledged before the freeze of the snapshot it came from, and what was acknowledged since by the guest that is
// there now. Which guest it was is told by its life, in which the connection was opened: no connection outlives a guest.
// Plain rules without clocks or sockets.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/ledger/request.h"
#include "lib/base/units.h"

namespace snaphammer::ledger {

/// Requests that one thing is wrong with.
struct Defect {
  std::string finding;  ///< "request-lost" ...
  std::string what;     ///< "were acknowledged and are not in the ledger"
  std::vector<Nonce> requests;
};

class Account {
 public:
  /// Counts the guests that there were, one after another.
  using Life = std::uint64_t;

  Life life() const { return life_; }
  /// A restore is under way, so that nobody knows yet which guest a new connection would reach.
  bool changing() const { return changing_; }

  /// On a connection that was opened in that life.
  void answered(Life life, Nonce nonce, TimePoint when);
  /// An answer has come that proves that requests before it on its connection never got theirs.
  void skipped(std::vector<Nonce> requests);
  /// An answer has come for a request that had got one on the same connection.
  void answered_again(Nonce nonce);
  /// What came on a connection in place of this request's answer is none.
  void garbled(Nonce nonce);

  void snapshot_taken(const std::string& id, TimePoint frozen);
  bool knows(const std::string& id) const { return snapshots_.contains(id); }
  void restore_begins() { changing_ = true; }
  /// Whether or not it went well.
  void restore_ended(const std::string& id);

  /// All that was acknowledged and has to be in the guest's record now.
  std::vector<Nonce> due() const;
  /// In all lives.
  std::uint64_t acknowledged() const { return total_; }

  /// What is wrong and was not said before. `due`: when the record was asked for.
  std::vector<Defect> judge(const std::vector<Nonce>& due, const std::vector<Nonce>& record);

 private:
  void note(std::string finding, std::string what, std::vector<Nonce> requests);
  void look_for_lost(const std::vector<Nonce>& due, const std::set<Nonce>& entered);
  void look_for_duplicated(const std::vector<Nonce>& record);
  void look_for_reordered(const std::vector<Nonce>& record);

  Life life_ = 1;
  bool changing_ = false;
  std::uint64_t total_ = 0;
  std::map<Nonce, TimePoint> acknowledged_;  ///< In the present guest's past.
  std::map<std::string, std::map<Nonce, TimePoint>> snapshots_;
  std::map<std::string, std::set<Nonce>> reported_;  ///< By finding.
  std::vector<Defect> defects_;                      ///< That were not told yet.
};

}  // namespace snaphammer::ledger
