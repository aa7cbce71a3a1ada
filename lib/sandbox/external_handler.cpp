#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <vector>

#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/child_process.h"
#include "lib/base/start_task.h"
#include "lib/sandbox/fault_handler.h"

namespace snaphammer::sandbox {
namespace {

constexpr std::size_t kCopyAtOnce = 1_MiB;

std::string replaced(std::string word, const ExternalHandlerOptions& options) {
  for (const auto& [name, value] :
       {std::pair("{socket}", options.own_socket.string()), std::pair("{memory}", options.memory_file.string())}) {
    for (std::size_t at = word.find(name); at != std::string::npos; at = word.find(name, at + value.size())) {
      word.replace(at, std::string_view(name).size(), value);
    }
  }
  return word;
}

/// Reads one byte of each page of `region` in process `vmm`, so that every fault has been served when it returns.
Result<void> touch(pid_t vmm, const uffd::Region& region, TimePoint deadline) {
  constexpr std::size_t kPages = 256;
  std::array<std::byte, kPages> bytes;
  std::array<iovec, kPages> pages;
  for (ByteCount at = 0; at < region.size;) {
    std::size_t count = 0;
    for (; count < kPages && at < region.size; at += region.page_size) {
      pages[count++] = {reinterpret_cast<void*>(region.base + at), 1};  // NOLINT: an address in another process
    }
    iovec here = {bytes.data(), count};
    const ssize_t read = ::process_vm_readv(vmm, &here, 1, pages.data(), count, 0);
    if (read < 0) return errno_error("read the VMM's memory");
    if (static_cast<std::size_t>(read) != count) {
      return Error(ErrorKind::kIo,
                   fmt::format("read the VMM's memory near {:#x}: {} of {} pages", region.base + at, read, count));
    }
    if (SteadyClock::now() > deadline) {
      return Error(ErrorKind::kTimeout,
                   fmt::format("page-fault handler: {:#x} of {:#x} bytes were served in time", at, region.size));
    }
  }
  return {};
}

class ExternalHandler final : public FaultHandler {
 public:
  ExternalHandler(asio::any_io_executor executor, ExternalHandlerOptions options, HandlerEvents events)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        events_(std::move(events)),
        self_(std::make_shared<ExternalHandler*>(this)) {}

  ~ExternalHandler() override {
    *self_ = nullptr;
    stop();
    std::error_code ignored;
    std::filesystem::remove(options_.memory_file, ignored);
    std::filesystem::remove(options_.own_socket, ignored);
  }

  Result<void> start() {
    std::error_code ignored;
    std::filesystem::remove(options_.own_socket, ignored);
    SNAP_ASSIGN(relay_, uffd::HandoffRelay::start(
                            {.from = options_.vmm_socket,
                             .to = options_.own_socket,
                             .spoil = options_.spoil,
                             .on_relayed = [executor = executor_, self = self_](const Result<std::string>& message) {
                               asio::post(executor, [self, message] {
                                 if (*self != nullptr) (*self)->on_relayed(message);
                               });
                             }}));
    const UniqueFd log(::open(options_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!log) return errno_error("open " + options_.log.string());
    SpawnOptions spawn;
    for (const std::string& word : options_.command) spawn.argv.push_back(replaced(word, options_));
    spawn.output = log.get();
    spawn.error = log.get();
    auto child = ChildProcess::spawn(spawn);
    if (!child) return std::move(child).error().in("page-fault handler").as(ErrorKind::kUnfit);
    child_ = std::make_shared<ChildProcess>(std::move(*child));
    start_task(executor_, watch(child_, self_));
    return {};
  }

  Result<uffd::WaitingFaults> waiting_faults() const override { return relay_->waiting_faults(); }
  void kill() override { static_cast<void>(child_->signal(SIGKILL)); }  // Its end is seen by watch().
  Result<void> suspend() override { return child_->signal(SIGSTOP); }
  Result<void> resume() override { return child_->signal(SIGCONT); }

  void stop() override {
    stopped_ = true;
    relay_.reset();
    if (child_) child_->kill();
  }

  Result<void> settle(pid_t vmm, Duration limit) override {
    const TimePoint deadline = SteadyClock::now() + limit;
    for (const uffd::Region& region : regions_) SNAP_TRY(touch(vmm, region, deadline));
    return {};
  }

 private:
  static Awaitable<void> watch(std::shared_ptr<ChildProcess> child, std::shared_ptr<ExternalHandler*> self) {
    auto end = co_await child->wait();
    if (*self == nullptr || (*self)->stopped_) co_return;
    const std::string how = end ? end->describe() : end.error().describe();
    (*self)->events_.failed(
        Error(ErrorKind::kGone, fmt::format("page-fault handler {}: it {}", (*self)->options_.command.front(), how))
            .advise("its output is in " + (*self)->options_.log.string()));
  }

  void on_relayed(const Result<std::string>& message) {
    if (!message) {
      if (!stopped_) events_.failed(Error(message.error()).in("page-fault handler"));
      return;
    }
    std::ofstream(options_.handoff_log) << *message << '\n';
    auto regions = uffd::parse_regions(*message);  // The relay has parsed it already.
    if (regions) regions_ = std::move(*regions);
    events_.handed_off();
  }

  asio::any_io_executor executor_;
  ExternalHandlerOptions options_;
  HandlerEvents events_;
  std::shared_ptr<ExternalHandler*> self_;  // Null inside once this is gone.
  bool stopped_ = false;
  std::vector<uffd::Region> regions_;
  std::unique_ptr<uffd::HandoffRelay> relay_;
  std::shared_ptr<ChildProcess> child_;
};

}  // namespace

Result<std::unique_ptr<FaultHandler>> start_external_handler(const asio::any_io_executor& executor,
                                                             ExternalHandlerOptions options, HandlerEvents events) {
  auto handler = std::make_unique<ExternalHandler>(executor, std::move(options), std::move(events));
  SNAP_TRY(handler->start());
  return std::unique_ptr<FaultHandler>(std::move(handler));
}

Result<void> write_flat_memory(const uffd::PageSource& source, const std::filesystem::path& file) {
  const std::string what = "write " + file.string();
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return errno_error(what);
  if (::ftruncate(fd.get(), static_cast<off_t>(source.size())) != 0) return errno_error(what);
  std::vector<std::byte> scratch(kCopyAtOnce);
  for (const uffd::Extent& extent : source.data()) {
    for (ByteCount at = extent.offset; at < extent.end();) {
      const std::size_t length = std::min<ByteCount>(kCopyAtOnce, extent.end() - at);
      SNAP_ASSIGN(const std::span<const std::byte> bytes, source.read(at, length, scratch));
      const ssize_t written = ::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (written <= 0) return errno_error(what);
      at += static_cast<ByteCount>(written) / kPageSize * kPageSize;
      if (static_cast<std::size_t>(written) < kPageSize) return Error(ErrorKind::kIo, what + ": the disk took a part");
    }
  }
  return {};
}

}  // namespace snaphammer::sandbox
