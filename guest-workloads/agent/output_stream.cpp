#include "guest-workloads/agent/output_stream.h"

#include <algorithm>

#include <boost/asio/write.hpp>
#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "lib/agent/json_fields.h"
#include "lib/agent/output_protocol.h"
#include "lib/base/start_task.h"
#include "lib/base/task_group.h"

namespace snaphammer::guest {
namespace {

constexpr std::size_t kMostWaiting = 256_KiB;
constexpr Duration kFirstRetry = std::chrono::milliseconds(1);
constexpr Duration kLastRetry = std::chrono::milliseconds(50);

// A connection request that was under way when the guest was frozen is answered by nobody: the kernel gives it
// up after this time (its default is 2 s).
void limit_connect_time(Socket& socket) {
  const timeval limit{.tv_sec = 0, .tv_usec = 500'000};
  ::setsockopt(socket.native_handle(), AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &limit, sizeof limit);
}

}  // namespace

OutputStream::OutputStream(const asio::any_io_executor& executor, Endpoint host, std::string boot_id,
                           std::function<bool()> listen_again)
    : executor_(executor),
      host_(std::move(host)),
      boot_id_(std::move(boot_id)),
      listen_again_(std::move(listen_again)),
      changed_(executor),
      retry_(executor) {}

void OutputStream::start() { start_task(executor_, run()); }

void OutputStream::stop() {
  stopped_ = true;
  retry_.cancel();
  changed_.notify();
}

void OutputStream::emit(std::string_view type, nlohmann::json fields) {
  agent::OutputLine line;
  line.seq = next_seq_++;
  line.type = type;
  line.fields = std::move(fields);
  std::string text = agent::print_json(line.to_json()) + "\n";
  if (text.size() > agent::kMaxLine) return;  // Its number is missing: the host sees that a line was lost.
  bytes_ += text.size();
  lines_.push_back(std::move(text));
  while (bytes_ > kMostWaiting) {
    bytes_ -= lines_.front().size();
    lines_.pop_front();
  }
  changed_.notify();
}

Awaitable<void> OutputStream::run() {
  while (!stopped_) {
    Socket socket = co_await connect();
    if (stopped_) co_return;
    broken_ = false;
    TaskGroup tasks(executor_);
    tasks.spawn(watch(socket));
    co_await send_lines(socket);
    boost::system::error_code ignored;
    socket.close(ignored);
    co_await tasks.wait_idle();
  }
}

Awaitable<Socket> OutputStream::connect() {
  Duration pause = kFirstRetry;
  while (!stopped_) {
    if (!listen_again_()) throw std::runtime_error("the listening socket cannot be used any more");
    Socket socket(executor_, host_.address.protocol());
    limit_connect_time(socket);
    auto [error] = co_await socket.async_connect(host_.address, as_result);
    if (!error) co_return socket;
    retry_.expires_after(pause);
    co_await retry_.async_wait(as_result);
    pause = std::min(pause * 2, kLastRetry);
  }
  co_return Socket(executor_);
}

Awaitable<void> OutputStream::send_lines(Socket& socket) {
  agent::Ready ready{.epoch = ++epoch_, .boot_id = boot_id_, .next_seq = next_seq_ - lines_.size()};
  std::string text = agent::print_json(ready.to_json()) + "\n";
  while (!broken_ && !stopped_) {
    while (!lines_.empty() && text.size() < agent::kMaxLine) {
      text += lines_.front();
      bytes_ -= lines_.front().size();
      lines_.pop_front();
    }
    if (text.empty()) {
      co_await changed_.wait();
      continue;
    }
    auto [error, n] = co_await asio::async_write(socket, asio::buffer(text), as_result);
    if (error) co_return;
    text.clear();
  }
}

// The host sends nothing, so whatever this read returns is the end of the connection.
Awaitable<void> OutputStream::watch(Socket& socket) {
  char byte = 0;
  co_await socket.async_read_some(asio::buffer(&byte, 1), as_result);
  broken_ = true;
  changed_.notify();
}

}  // namespace snaphammer::guest
