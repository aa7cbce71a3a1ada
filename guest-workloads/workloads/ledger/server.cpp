#include "guest-workloads/workloads/ledger/server.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-workloads/workloads/ledger/listener.h"

namespace snaphammer::ledger {
namespace {

using Clock = Conversation::Clock;

constexpr int kForever = -1;

std::string wrong(const std::string& what) { return what + ": " + std::strerror(errno); }

}  // namespace

Server::~Server() {
  if (thread_.joinable()) {
    ::eventfd_write(stop_, 1);
    thread_.join();
  }
  for (const int listener : listeners_) ::close(listener);
  if (stop_ >= 0) ::close(stop_);
}

std::string Server::start() {
  if (options_.port != 0) {
    listeners_.push_back(listen_on_tcp(static_cast<std::uint16_t>(options_.port)));
    if (listeners_.back() < 0) return wrong("listen on TCP port " + std::to_string(options_.port));
  }
  if (options_.vsock != 0) {
    listeners_.push_back(listen_on_vsock(static_cast<std::uint32_t>(options_.vsock)));
    if (listeners_.back() < 0) return wrong("listen on vsock port " + std::to_string(options_.vsock));
  }
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  if (stop_ < 0) return wrong("make an eventfd");
  generation_ = workload::read_generation(options_.identity);
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "ledger-server");
    run();
  });
  return "";
}

void Server::run() {
  for (;;) {
    const std::vector<pollfd> ready = wait();
    if (ready.front().revents != 0) return;
    const std::lock_guard lock(mutex_);
    recover_after_restore();
    accept_clients();
    const Clock::time_point now = Clock::now();
    conversations_.remove_if([&](Conversation& client) { return !client.go_on(book_, now); });
  }
}

std::vector<pollfd> Server::wait() const {
  std::vector<pollfd> sources{{.fd = stop_, .events = POLLIN, .revents = 0}};
  for (const int listener : listeners_) sources.push_back({.fd = listener, .events = POLLIN, .revents = 0});
  int timeout = kForever;
  for (const Conversation& client : conversations_) {
    // One that has gone would be said to be so again and again.
    const int descriptor = client.events() != 0 ? client.descriptor() : -1;
    sources.push_back({.fd = descriptor, .events = client.events(), .revents = 0});
    if (!client.wake_at()) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*client.wake_at() - Clock::now()).count();
    const int milliseconds = static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
    timeout = timeout == kForever ? milliseconds : std::min(timeout, milliseconds);
  }
  // Interrupted: nothing has come.
  if (::poll(sources.data(), sources.size(), timeout) < 0) sources.front().revents = 0;
  return sources;
}

void Server::recover_after_restore() {
  if (!file_) return;
  const std::string generation = workload::read_generation(options_.identity);
  if (generation == generation_) return;
  generation_ = generation;
  ++recoveries_;
  if (const std::string failed = file_.load(book_); !failed.empty())
    std::fprintf(stderr, "ledger: %s\n", failed.c_str());
}

void Server::accept_clients() {
  for (const int listener : listeners_) {
    for (;;) {
      const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (client < 0) break;
      ++accepted_;
      conversations_.emplace_back(client, options_.work);
    }
  }
}

}  // namespace snaphammer::ledger
