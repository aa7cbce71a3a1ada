// LineStream: lines of text over a connection.
//
//   LineStream lines(std::move(socket));
//   CO_SNAP_TRY(co_await lines.write("record\n"));
//   CO_SNAP_ASSIGN(const std::string line, co_await lines.read());     // without its newline
//   lines.close();                                                     // what waits fails
//
// One io_context thread.
#pragma once

#include <functional>
#include <string>

#include <boost/asio/generic/stream_protocol.hpp>

#include "lib/base/async.h"

namespace snaphammer::ledger {

/// TCP or Unix.
using Stream = asio::generic::stream_protocol::socket;
/// Opens a connection to a ledger. Waits for the guest without end: see with_deadline().
using Connect = std::function<Async<Stream>()>;

class LineStream {
 public:
  explicit LineStream(Stream socket) : socket_(std::move(socket)) {}

  Async<void> write(std::string text);
  /// kGone at the end, or after a reset; kInvalid for a line that is too long.
  Async<std::string> read();
  void close();

 private:
  Stream socket_;
  std::string received_;
};

}  // namespace snaphammer::ledger
