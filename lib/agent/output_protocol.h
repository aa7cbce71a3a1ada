// What the guest writes to port kOutputPort of the host, without being asked: JSON lines, on one
// connection that it re-makes whenever it breaks (a transport reset breaks it).
//
//   {"type":"ready","epoch":3,"boot_id":"...","next_seq":18}       first on each connection; epoch
//   counts connections
//   {"type":"beat","seq":18,"as":"zp", ...}                        a workload's
//   {"type":"log","seq":19,"from":"zp","text":"..."}               a line of a workload's standard
//   error
//   {"type":"kernel","seq":20,"priority":6,"time_us":5,"text":"..."}  a line of the guest kernel's
//   log
//   {"type":"ended","seq":21, ...}                                 a workload has ended: its WorkloadInfo
//
// Every line but `ready` has the next sequence number. Lines that were lost (in a connection that
// broke, or dropped because nobody took them) leave a gap.
//
// `ready` is the guest's word that it has handled the transport reset: the agent's listener serves
// again.
#pragma once

#include "lib/agent/protocol.h"

namespace snaphammer::agent {

struct Ready {
  std::uint64_t epoch{};  ///< Counts the output connections of this guest since its boot; from 1.
  std::string boot_id;
  std::uint64_t next_seq{};  ///< The sequence number of the line that follows.

  nlohmann::json to_json() const;
  static Result<Ready> from_json(const nlohmann::json& json);
};

struct OutputLine {
  std::uint64_t seq{};
  std::string type;             ///< "beat", "log", "kernel", "ended"
  nlohmann::json fields;        ///< The rest of the line.
  std::uint64_t lost_before{};  ///< On the host only: how many lines are missing before this one.

  nlohmann::json to_json() const;
  static Result<OutputLine> from_json(const nlohmann::json& json);
};

}  // namespace snaphammer::agent
