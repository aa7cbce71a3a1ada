#include <boost/asio/post.hpp>

#include "lib/sandbox/fault_handler.h"

namespace snaphammer::sandbox {
namespace {

class BuiltinHandler final : public FaultHandler {
 public:
  BuiltinHandler(asio::any_io_executor executor, HandlerEvents events)
      : executor_(std::move(executor)), events_(std::move(events)), self_(std::make_shared<BuiltinHandler*>(this)) {}
  ~BuiltinHandler() override { *self_ = nullptr; }

  Result<void> start(uffd::PageServerOptions options, std::optional<uffd::SpoiledHandoff> spoil) {
    if (spoil) {
      uffd::HandoffRelay::Options relay{.from = options.socket, .to = options.socket.string() + ".served"};
      relay.spoil = std::move(spoil);
      options.socket = relay.to;
      SNAP_ASSIGN(relay_, uffd::HandoffRelay::start(std::move(relay)));
    }
    options.on_event = [executor = executor_, self = self_](const uffd::ServerEvent& event) {
      asio::post(executor, [self, event] {
        if (*self != nullptr) (*self)->on_event(event);
      });
    };
    SNAP_ASSIGN(server_, uffd::PageServer::start(std::move(options)));
    return {};
  }

  uffd::PageServer* page_server() override { return server_.get(); }
  Result<uffd::WaitingFaults> waiting_faults() const override { return server_->waiting_faults(); }
  void kill() override {
    server_->stop();
    events_.failed(Error(ErrorKind::kGone, "page server: it was killed"));
  }
  Result<void> suspend() override {
    server_->suspend();
    return {};
  }
  Result<void> resume() override {
    server_->resume();
    return {};
  }
  void stop() override {
    relay_.reset();
    server_->stop();
  }
  Result<void> settle(pid_t, Duration limit) override { return server_->drain(limit); }

 private:
  void on_event(const uffd::ServerEvent& event) {
    switch (event.kind) {
      case uffd::ServerEvent::Kind::kHandedOff:
        return events_.handed_off();
      case uffd::ServerEvent::Kind::kFailed:
      case uffd::ServerEvent::Kind::kPageFailed:
        return events_.failed(event.error->in("page server"));
      case uffd::ServerEvent::Kind::kPrefetched:
      case uffd::ServerEvent::Kind::kVmGone:  // The VMM's end is reported by who watches it, with its cause.
      case uffd::ServerEvent::Kind::kStopped:
        break;
    }
  }

  asio::any_io_executor executor_;
  HandlerEvents events_;
  std::shared_ptr<BuiltinHandler*> self_;  // Null inside once this is gone: what the server posts may come late.
  std::unique_ptr<uffd::PageServer> server_;
  std::unique_ptr<uffd::HandoffRelay> relay_;
};

}  // namespace

Result<std::unique_ptr<FaultHandler>> start_builtin_handler(const asio::any_io_executor& executor,
                                                            uffd::PageServerOptions options,
                                                            std::optional<uffd::SpoiledHandoff> spoil,
                                                            HandlerEvents events) {
  auto handler = std::make_unique<BuiltinHandler>(executor, std::move(events));
  SNAP_TRY(handler->start(std::move(options), std::move(spoil)));
  return std::unique_ptr<FaultHandler>(std::move(handler));
}

}  // namespace snaphammer::sandbox
