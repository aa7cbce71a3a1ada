// HeldConnections: what clients of a run's guest see of their connections, while it is paused, snapshotted and restored.
//
//   HeldConnections connections(executor);
//   CO_SNAP_TRY(co_await connections.open({.as = "c1", .must = Must::kDie}, TcpTarget{address.port}));
//   connections.cut("snapshot s1");                         // what must die has no right to be open from now on
//   for (report::Finding& finding : co_await connections.look()) run.report(std::move(finding));
//   co_await connections.end();                             // always, before it is destroyed
//
// A connection is live as long as neither an end nor a reset has come from the other side: whatever the guest's
// program says is read and dropped. One io_context thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/generic/stream_protocol.hpp>

#include "harness/report/results.h"
#include "lib/base/async.h"
#include "lib/base/task_group.h"

namespace snaphammer::engine {

/// What is right for a connection.
enum class Must {
  kLive,  ///< Its end before we let go of it is the finding connection-lost.
  kDie,   ///< Being open after the next snapshot or restore is the finding hang: its client waits in vain.
};

struct HoldOptions {
  std::string as;  ///< What reports call it; several may share a name.
  Must must = Must::kLive;
  /// Said first; the connection counts from the guest's first byte on only. Empty: it counts at once.
  std::string greeting = {};
  /// We end it ourselves after this long; nothing: end() does.
  std::optional<Duration> hold = {};
};

/// A TCP port of this host.
struct TcpTarget {
  std::uint16_t port;
};
/// A vsock port of the guest behind a door.
struct VsockTarget {
  std::filesystem::path door;
  std::uint32_t port;
};
using HoldTarget = std::variant<TcpTarget, VsockTarget>;

/// A connection to it. Waits without end for a guest that does not answer: see with_deadline().
Async<asio::generic::stream_protocol::socket> open_stream(asio::any_io_executor executor, HoldTarget target);

class HeldConnections {
 public:
  explicit HeldConnections(const asio::any_io_executor& executor) : executor_(executor), tasks_(executor) {}

  /// Returns when it is connected; from then on it is held. An error is for the caller: nothing is held then.
  Async<void> open(HoldOptions options, HoldTarget target);
  /// Something after which what must die must be dead has happened: "restore s1".
  void cut(std::string what);
  /// What is wrong with connections and was not reported yet. What has to die has a moment left to do so.
  Awaitable<std::vector<report::Finding>> look();
  /// Ends all of that name at once, and forgets them.
  void release(const std::string& as);
  /// Those that are open.
  std::size_t open_count(const std::string& as) const;
  std::size_t open_count() const;
  /// Ends all, and returns when nothing of them is left. What was not looked at until then never is.
  Awaitable<void> end();

 private:
  using Socket = asio::generic::stream_protocol::socket;
  struct Held {
    HoldOptions options;
    Socket socket;
    Event ended;                          ///< By either side.
    std::optional<std::string> how = {};  ///< The other side ended it: in what way.
    bool counts = false;
    std::string cut_by = {};  ///< What happened since it was opened.
    bool looked_at = false;
  };

  Awaitable<void> watch(std::shared_ptr<Held> held);
  Awaitable<void> let_go_later(std::shared_ptr<Held> held);
  static void let_go(Held& held);
  static bool is_lost(const Held& held);
  static bool must_be_dead(const Held& held);
  template <class Predicate>
  void collect(const std::string& id, const std::string& message, Predicate wrong, std::vector<report::Finding>& found);

  asio::any_io_executor executor_;
  TaskGroup tasks_;
  std::list<std::shared_ptr<Held>> held_;
};

}  // namespace snaphammer::engine
