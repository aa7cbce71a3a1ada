#include "lib/vsock/host.h"

#include <fmt/format.h>

#include "lib/vsock/host_impl.h"

namespace snaphammer::vsock {
namespace {

/// "<path>_4294967295" and a terminating zero must fit into sockaddr_un.
constexpr std::size_t kMaxPathLength = 96;

Result<void> check(const HostOptions& options) {
  const auto invalid = [](std::string what) { return Error(ErrorKind::kInvalid, "vsock host: " + std::move(what)); };
  if (options.path.empty() || options.path.native().size() > kMaxPathLength) {
    return invalid(fmt::format("the door {} must have 1 to {} bytes", options.path.string(), kMaxPathLength))
        .advise("place it in a directory with a shorter name");
  }
  if (options.guest_cid <= kHostCid || options.guest_cid > 0xffffffff) {
    return invalid(fmt::format("{} is no guest's CID", options.guest_cid));
  }
  if (options.limits.buf_alloc == 0 || options.limits.max_payload == 0 || options.limits.max_payload > kMaxPayload) {
    return invalid("buffers and payloads must have at least a byte, payloads at most 64KiB");
  }
  if (options.limits.send_buffer < 1_KiB) return invalid("send_buffer must be at least 1KiB");
  if (options.max_pending == 0) return invalid("max_pending must be at least 1");
  if (options.first_host_port && *options.first_host_port < kFirstHostPort) {
    return invalid(fmt::format("first_host_port must be at least {}", kFirstHostPort));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Host>> Host::start(const asio::any_io_executor& executor, HostOptions options) {
  SNAP_TRY(check(options));
  SNAP_ASSIGN(PacketSocket packets, PacketSocket::adopt(executor, std::move(options.packets)));
  auto impl = std::make_shared<Impl>(executor, std::move(options), std::move(packets));
  std::unique_ptr<Host> host(new Host(impl));
  SNAP_TRY(impl->open_door());
  impl->run();
  return host;
}

Host::Host(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Host::~Host() { stop(); }
void Host::stop() { impl_->stop(); }
Event& Host::ended() { return impl_->ended(); }
std::size_t Host::reset_all(CloseReason reason) { return impl_->reset_all(reason); }
bool Host::reset(std::uint64_t id, CloseReason reason) { return impl_->reset(id, reason); }
bool Host::refuse(std::uint32_t guest_port, std::uint32_t host_port) { return impl_->refuse(guest_port, host_port); }
std::vector<ConnectionInfo> Host::connections() const { return impl_->connections(); }
HostCounters Host::counters() const { return impl_->counters(); }
void Host::add_filter(std::shared_ptr<PacketFilter> filter) { impl_->add_filter(std::move(filter)); }
void Host::remove_filter(const PacketFilter& filter) { impl_->remove_filter(filter); }

}  // namespace snaphammer::vsock
