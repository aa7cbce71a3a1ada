#include "lib/uffd/handoff_relay.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

namespace snaphammer::uffd {
namespace {

/// Between two tries to connect: nothing tells when a foreign program has begun to listen.
constexpr Duration kBetweenTries = std::chrono::milliseconds(2);

std::string spoiled(const Handoff& handoff, BadHandoff how) {
  std::vector<Region> regions = handoff.regions;
  switch (how) {
    case BadHandoff::kNoDescriptor:
      break;
    case BadHandoff::kTruncated:
      return handoff.message.substr(0, handoff.message.size() / 2);
    case BadHandoff::kWrongSize:
      for (Region& region : regions) region.size /= 2;
      return format_regions(regions);
    case BadHandoff::kOverlap:
      regions.push_back(regions.front());
      return format_regions(regions);
  }
  return handoff.message;
}

}  // namespace

Result<std::unique_ptr<HandoffRelay>> HandoffRelay::start(Options options) {
  SNAP_ASSIGN(HandoffListener listener, HandoffListener::listen(options.from));
  std::unique_ptr<HandoffRelay> relay(new HandoffRelay(std::move(options), std::move(listener)));
  SNAP_TRY(relay->stop_.open());
  try {
    relay->thread_ = std::thread([self = relay.get()] { self->run(); });
  } catch (const std::system_error& error) {
    return errno_error("start the hand-off relay's thread", error.code().value());
  }
  return relay;
}

HandoffRelay::~HandoffRelay() {
  if (!thread_.joinable()) return;
  stop_.set();
  thread_.join();
}

Result<WaitingFaults> HandoffRelay::waiting_faults() const {
  const Userfaultfd* const uffd = uffd_.load(std::memory_order_acquire);
  if (uffd == nullptr) return WaitingFaults{};
  return uffd->waiting();
}

void HandoffRelay::run() {
  ::pthread_setname_np(::pthread_self(), "uffd-relay");
  UniqueFd vmm;
  UniqueFd handler;
  const Result<std::string> relayed = relay(vmm, handler);
  if (options_.on_relayed && !stop_.is_set()) options_.on_relayed(relayed);
  if (!relayed) return;
  std::array<pollfd, 3> fds = {pollfd{stop_.fd(), POLLIN, 0}, pollfd{vmm.get(), POLLRDHUP, 0},
                               pollfd{handler.get(), POLLRDHUP, 0}};
  while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
  }
}

Result<std::string> HandoffRelay::relay(UniqueFd& vmm, UniqueFd& handler) {
  SNAP_ASSIGN(vmm, listener_.accept(stop_.fd()));
  SNAP_ASSIGN(Handoff handoff, receive_handoff(vmm.get(), stop_.fd(), kHandoffLimit));
  SNAP_ASSIGN(handler, connect_to_handler(SteadyClock::now() + kHandoffLimit));
  SNAP_TRY(pass_on(handler.get(), handoff));
  SNAP_ASSIGN(Userfaultfd uffd, Userfaultfd::adopt(std::move(handoff.userfaultfd)));
  owned_uffd_ = std::make_unique<Userfaultfd>(std::move(uffd));
  uffd_.store(owned_uffd_.get(), std::memory_order_release);
  return std::move(handoff.message);
}

Result<UniqueFd> HandoffRelay::connect_to_handler(TimePoint deadline) const {
  for (;;) {
    Result<UniqueFd> connected = connect_handoff(options_.to);
    if (connected || SteadyClock::now() >= deadline) return connected;
    if (stop_.wait_for(kBetweenTries)) return Error(ErrorKind::kCancelled, "hand-off: stopped");
  }
}

Result<void> HandoffRelay::pass_on(int handler, const Handoff& handoff) const {
  if (!options_.spoil) return send_handoff(handler, handoff.userfaultfd.get(), handoff.message);
  const BadHandoff how = options_.spoil->how;
  const std::string message = spoiled(handoff, how);
  if (options_.spoil->on_act) options_.spoil->on_act();
  if (how != BadHandoff::kNoDescriptor) return send_handoff(handler, handoff.userfaultfd.get(), message);
  if (::send(handler, message.data(), message.size(), MSG_NOSIGNAL) < 0) return errno_error("send the hand-off");
  return {};
}

}  // namespace snaphammer::uffd
