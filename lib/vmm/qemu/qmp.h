// A client of QEMU's monitor protocol, QMP: JSON lines over a Unix socket
// (https://www.qemu.org/docs/master/interop/qmp-spec.html).
//
//   QmpClient qmp(executor, std::move(socket), {.on_event = ..., .on_closed = ...});
//   CO_SNAP_TRY(co_await qmp.execute("qmp_capabilities"));            // always the first command
//   CO_SNAP_ASSIGN(Json balloon, co_await qmp.execute("query-balloon"));
//
//   CO_SNAP_ASSIGN(QmpReply a, qmp.post("getfd", {{"fdname", "state"}}, fd));   // two commands on their way
//   CO_SNAP_ASSIGN(QmpReply b, qmp.post("migrate", {{"uri", "fd:state"}}));     // before the first answer
//   CO_SNAP_TRY(co_await a.result());
//
// QEMU runs commands in the order in which they were posted. Belongs to one io_context thread. What the other side
// says is not trusted: a line that is too long or is no QMP ends the connection, with that as the reason.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <nlohmann/json.hpp>

#include "lib/base/async.h"
#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::vmm {

using Json = nlohmann::json;

struct QmpEvent {
  std::string name;  ///< "STOP", "MIGRATION" ...
  Json data;         ///< An object, maybe empty.
};

/// The answer to one command, to come. Dropping it drops the answer, not the command. May outlive the client.
class QmpReply {
 public:
  QmpReply(QmpReply&&) noexcept = default;
  QmpReply& operator=(QmpReply&&) noexcept = default;

  /// Waits for the answer; once. A refusal by QEMU is "QMP migrate: GenericError: ..." of kind kUnavailable; kGone
  /// when the connection ends before.
  Async<Json> result();

 private:
  friend class QmpClient;
  struct Pending;
  explicit QmpReply(std::shared_ptr<Pending> pending) : pending_(std::move(pending)) {}
  std::shared_ptr<Pending> pending_;
};

class QmpClient {
 public:
  /// Called on the executor; may post commands, must not destroy the client. `on_closed` is called once, when the
  /// connection has ended and every command has failed, unless the client is destroyed first.
  struct Callbacks {
    std::function<void(const QmpEvent&)> on_event = {};
    std::function<void(const Error&)> on_closed = {};
  };

  /// Takes over a connected stream socket. QEMU's greeting may still be to come.
  QmpClient(const asio::any_io_executor& executor, UniqueFd socket, Callbacks callbacks);
  /// Ends the connection; commands without an answer fail with kCancelled.
  ~QmpClient();

  /// Sends a command, with a descriptor when `descriptor` is not -1 (it stays the caller's). Never waits: kUnavailable
  /// when QEMU has not read its monitor for so long that the socket is full.
  Result<QmpReply> post(std::string_view command, const Json& arguments = nullptr, int descriptor = -1);
  /// post() and wait for the answer.
  Async<Json> execute(std::string command, Json arguments = nullptr, int descriptor = -1);

 private:
  class Connection;
  std::shared_ptr<Connection> connection_;  // Shared with its reading coroutine.
};

}  // namespace snaphammer::vmm
