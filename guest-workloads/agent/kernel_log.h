// Forwards the guest kernel's log (/dev/kmsg) to the output stream, from the moment of start() on: what came before
// is on the console.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include "guest-workloads/agent/output_stream.h"

namespace snaphammer::guest {

class KernelLog {
 public:
  KernelLog(const asio::any_io_executor& executor, OutputStream& output);

  /// An error when /dev/kmsg cannot be read.
  Result<void> start();
  void stop();

 private:
  Awaitable<void> run();

  asio::posix::stream_descriptor log_;
  OutputStream& output_;
};

/// One record of /dev/kmsg ("6,339,5140900,-;text\n SUBSYSTEM=...") as the fields of a "kernel" line.
nlohmann::json kernel_record(std::string_view record);

}  // namespace snaphammer::guest
