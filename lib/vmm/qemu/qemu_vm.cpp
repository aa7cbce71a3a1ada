#include "lib/vmm/qemu/qemu_vm.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/interposer/wire.h"
#include "lib/vmm/qemu/debugger.h"
#include "lib/vmm/qemu/registers_text.h"
#include "lib/vmm/qemu/saved_state.h"

namespace snaphammer::vmm {
namespace {

namespace fs = std::filesystem;

// Between the end of the monitor connection and the end of the process lies QEMU's exit, or the kernel's freeing of
// its memory. One that takes longer is reported as still running.
constexpr Duration kExitGrace = std::chrono::seconds(5);

// QEMU's main loop answers at once unless it waits for a vCPU, or hangs itself.
constexpr Duration kGlance = std::chrono::seconds(3);
constexpr Duration kLook = std::chrono::seconds(10);

// Queues of a vsock device, in order: receive, transmit, event (VIRTIO 1.2, section 5.10.2).
constexpr unsigned kVsockEventQueue = 2;

// The name by which QEMU knows a passed state file.
constexpr const char* kStateFile = "state";

// The string at `key`; empty when there is none (find() on what is no object finds nothing).
std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The number at `key`; 0 when there is none.
std::uint64_t number_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

// Removes a file unless it is kept.
class NewFile {
 public:
  explicit NewFile(fs::path path) : path_(std::move(path)) {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  void keep() { path_.clear(); }

 private:
  fs::path path_;
};

// The status of a migration that is over, or of a QEMU that has none.
bool has_ended(const std::string& status) {
  return status.empty() || status == "none" || status == "completed" || status == "failed" || status == "cancelled";
}

}  // namespace

QemuVm::QemuVm(const asio::any_io_executor& executor, QemuProcess process, ByteCount memory, AccelChoice accel,
               bool incoming)
    : memory_(memory),
      accel_(std::move(accel)),
      awaits_state_(incoming),
      process_(std::move(process)),
      interposer_(executor, process_.interposer.release()),
      migration_ended_(executor),
      monitor_closed_(executor),
      qmp_(executor, std::move(process_.monitor),
           {.on_event = [this](const QmpEvent& event) { on_event(event); },
            .on_closed = [this](const Error&) { on_closed(); }}) {}

Async<std::unique_ptr<Vm>> QemuVm::attach(QemuProcess process, ByteCount memory, AccelChoice accel, bool incoming) {
  std::unique_ptr<QemuVm> vm(
      new QemuVm(co_await asio::this_coro::executor, std::move(process), memory, std::move(accel), incoming));
  const Result<void> ready = co_await vm->negotiate();
  if (!ready) {
    Error error = (co_await vm->explained(ready.error())).in("start QEMU");
    // One that refuses its command line or its host exits by itself; only something else can kill it.
    CO_SNAP_ASSIGN(const auto status, vm->process_.child.poll());
    if (status && status->code) error = std::move(error).as(ErrorKind::kUnfit);
    co_return error;
  }
  co_return std::unique_ptr<Vm>(std::move(vm));
}

Async<void> QemuVm::negotiate() {
  // Both commands wait in the socket while QEMU is still starting.
  CO_SNAP_ASSIGN(QmpReply ready, qmp_.post("qmp_capabilities"));
  const Json capabilities =
      Json::array({{{"capability", "x-ignore-shared"}, {"state", true}},  // RAM is not part of the state.
                   {{"capability", "events"}, {"state", true}}});
  CO_SNAP_ASSIGN(QmpReply set, qmp_.post("migrate-set-capabilities", {{"capabilities", capabilities}}));
  CO_SNAP_TRY(co_await ready.result());
  CO_SNAP_TRY(co_await set.result());
  co_return Result<void>();
}

void QemuVm::on_event(const QmpEvent& event) {
  if (event.name == "SHUTDOWN") shutdown_reason_ = text_of(event.data, "reason");
  if (event.name == "MIGRATION") {
    migration_status_ = text_of(event.data, "status");
    // What comes before belongs to an earlier one that was cancelled.
    if (migration_status_ == "setup") migration_ended_.reset();
    if (has_ended(migration_status_)) migration_ended_.set();
  }
}

void QemuVm::on_closed() {
  migration_ended_.set();
  monitor_closed_.set();
}

Async<Json> QemuVm::command(std::string name, Json arguments) {
  Result<Json> answer = co_await qmp_.execute(std::move(name), std::move(arguments));
  if (!answer) co_return co_await explained(answer.error());
  co_return answer;
}

Awaitable<Error> QemuVm::explained(Error error) {
  if (error.kind() != ErrorKind::kGone) co_return error;
  const Result<VmEnd> end = co_await with_deadline(kExitGrace, "QEMU's end", wait_ended());
  if (!end) co_return error;
  co_return Error(ErrorKind::kGone, "QEMU " + end->describe());
}

Async<void> QemuVm::resume() {
  if (awaits_state_) {
    co_return Error(ErrorKind::kUnavailable, "resume: the machine waits for a saved state");
  }
  if (migration_unsettled_) CO_SNAP_TRY(co_await settle_migration());
  CO_SNAP_TRY(co_await command("cont"));
  co_return Result<void>();
}

Async<void> QemuVm::pause() {
  CO_SNAP_TRY(co_await command("stop"));
  co_return Result<void>();
}

Async<void> QemuVm::migrate(std::string command, int file) {
  const Result<void> done = co_await run_migration(std::move(command), file);
  if (!done) co_return co_await explained(done.error());
  co_return done;
}

Async<void> QemuVm::run_migration(std::string command, int file) {
  if (migration_unsettled_) CO_SNAP_TRY(co_await settle_migration());
  migration_status_.clear();
  migration_ended_.reset();
  migration_unsettled_ = true;
  CO_SNAP_ASSIGN(QmpReply passed, qmp_.post("getfd", {{"fdname", kStateFile}}, file));
  CO_SNAP_ASSIGN(QmpReply started, qmp_.post(command, {{"uri", std::string("fd:") + kStateFile}}));
  // Unless this coroutine gets to the end, QEMU is told to give up.
  const auto cancel = [](QmpClient* qmp) { static_cast<void>(qmp->post("migrate_cancel")); };
  std::unique_ptr<QmpClient, decltype(cancel)> abandoned(&qmp_, cancel);
  CO_SNAP_TRY(co_await passed.result());
  CO_SNAP_TRY(co_await started.result());
  CO_SNAP_TRY(co_await migration_ended_.wait());
  static_cast<void>(abandoned.release());
  if (migration_status_ == "completed") co_return Result<void>();
  // Not ended by an event: then the monitor has closed, and this command fails with the reason.
  CO_SNAP_ASSIGN(const Json state, co_await qmp_.execute("query-migrate"));
  co_return Error(ErrorKind::kIo, "QEMU: migration " + migration_status_ + ": " + text_of(state, "error-desc"));
}

Async<void> QemuVm::save_state(fs::path path) {
  const std::string what = "save state to " + path.string();
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file) co_return errno_error(what);
  NewFile unfinished(path);
  CO_SNAP_ASSIGN(const std::string stopped_as, co_await run_state());
  if (stopped_as == "postmigrate" && !saved_state_.empty()) {
    // QEMU saves a machine once until it runs again. It has not run: nothing of it has changed.
    auto written = write_state(file.get(), saved_state_);
    if (!written) co_return std::move(written).error().in(what);
    unfinished.keep();
    co_return Result<void>();
  }
  const Result<void> saved = co_await migrate("migrate", file.get());
  if (!saved) co_return saved.error().in(what);
  CO_SNAP_TRY(co_await settle_migration());
  if (stopped_as == "debug") CO_SNAP_TRY(turn_debugged_into_paused(path));
  CO_SNAP_ASSIGN(saved_state_, read_state(path));
  unfinished.keep();
  co_return Result<void>();
}

// The event that a migration has completed comes a little before the machine may run or save again, and a cancelled
// one ends some time after the command that cancels it. No event tells of those moments; QEMU's migration thread
// reaches them as soon as it gets the lock that also serves these queries.
Async<void> QemuVm::settle_migration() {
  while (true) {
    CO_SNAP_ASSIGN(const Json migration, co_await command("query-migrate"));
    CO_SNAP_ASSIGN(const std::string machine, co_await run_state());
    if (has_ended(text_of(migration, "status")) && machine != "finish-migrate") break;
  }
  migration_unsettled_ = false;
  co_return Result<void>();
}

Async<void> QemuVm::load(fs::path path) {
  const std::string what = "load state from " + path.string();
  if (!awaits_state_) {
    co_return Error(ErrorKind::kUnavailable, what + ": the machine was not started for a restore");
  }
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) co_return errno_error(what);
  const Result<void> loaded = co_await migrate("migrate-incoming", file.get());
  if (!loaded) {
    Error error = loaded.error().in(what);
    // How QEMU ends when it cannot make sense of a state.
    CO_SNAP_ASSIGN(const auto status, process_.child.poll());
    if (status && status->code == 1) error = std::move(error).as(ErrorKind::kCorrupt);
    co_return error;
  }
  awaits_state_ = false;
  migration_unsettled_ = false;  // On this side the event comes last.
  co_return Result<void>();
}

Async<std::string> QemuVm::run_state() {
  CO_SNAP_ASSIGN(const Json machine, co_await command("query-status"));
  co_return text_of(machine, "status");
}

Async<FreezeHit> QemuVm::freeze_at(FreezePoint point) {
  if (awaits_state_) co_return Error(ErrorKind::kUnavailable, "freeze: the machine waits for a saved state");
  if (migration_unsettled_) CO_SNAP_TRY(co_await settle_migration());
  const auto freeze = [this](FreezePoint where) -> Async<FreezeHit> {
    const std::string name = fmt::format("debug-{}", ++debuggers_);
    CO_SNAP_ASSIGN(const auto debugger, co_await QemuDebugger::attach(qmp_, name, QemuDebugger::Abandoned::kGoesOn));
    CO_SNAP_ASSIGN(const FreezeHit hit, co_await debugger->run_to(std::move(where)));
    CO_SNAP_TRY(co_await debugger->leave());
    co_return hit;
  };
  const Result<FreezeHit> hit = co_await freeze(std::move(point));
  if (!hit) co_return co_await explained(hit.error());
  co_return hit;
}

Async<std::vector<VcpuState>> QemuVm::vcpus(std::vector<MemoryBytes> memories) {
  const auto look = [this](std::vector<MemoryBytes> asked) -> Async<std::vector<VcpuState>> {
    const std::string name = fmt::format("debug-{}", ++debuggers_);
    CO_SNAP_ASSIGN(const auto debugger, co_await QemuDebugger::attach(qmp_, name, QemuDebugger::Abandoned::kStands));
    CO_SNAP_ASSIGN(std::vector<VcpuState> states, co_await debugger->vcpus(std::move(asked)));
    CO_SNAP_TRY(co_await debugger->leave());
    co_return states;
  };
  Result<std::vector<VcpuState>> states = co_await with_deadline(kLook, "QEMU's debugger", look(std::move(memories)));
  if (!states) co_return co_await explained(states.error());
  co_return states;
}

Async<std::vector<VcpuGlance>> QemuVm::glance() {
  Json arguments = {{"command-line", "info registers -a"}};
  Async<Json> asked = command("human-monitor-command", std::move(arguments));
  CO_SNAP_ASSIGN(const Json text, co_await with_deadline(kGlance, "QEMU's monitor", std::move(asked)));
  if (!text.is_string()) co_return Error(ErrorKind::kInvalid, "QEMU's monitor: registers that are no text");
  co_return read_registers(text.get_ref<const std::string&>());
}

Async<void> QemuVm::set_balloon_target(ByteCount target) {
  Json arguments = {{"value", target}};
  CO_SNAP_TRY(co_await command("balloon", std::move(arguments)));
  co_return Result<void>();
}

Async<ByteCount> QemuVm::balloon_actual() {
  CO_SNAP_ASSIGN(const Json answer, co_await command("query-balloon"));
  const auto actual = answer.is_object() ? answer.find("actual") : answer.end();
  if (actual == answer.end() || !actual->is_number_unsigned()) {
    co_return Error(ErrorKind::kInvalid, "QMP query-balloon: an answer without a size");
  }
  co_return actual->get<ByteCount>();
}

Async<void> QemuVm::remove(ByteCount offset, ByteCount length) {
  const std::string what = fmt::format("remove {} of guest RAM at {:#x}", length, offset);
  if (offset % kPageSize != 0 || length % kPageSize != 0 || length == 0 || length > memory_ ||
      offset > memory_ - length) {
    co_return Error(ErrorKind::kInvalid, what + ": not a range of pages in it");
  }
  if (removing_) {
    co_return Error(ErrorKind::kUnavailable, what + ": another removal is under way");
  }
  removing_ = true;
  const auto done = std::unique_ptr<bool, void (*)(bool*)>(&removing_, [](bool* flag) { *flag = false; });
  const interposer::Command order{.kind = interposer::CommandKind::kRemove, .offset = offset, .length = length};
  const int socket = interposer_.native_handle();
  if (::send(socket, &order, sizeof order, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    co_return co_await explained(errno_error(what));
  }
  ++unanswered_;
  interposer::Reply reply;
  // Replies come in order, and a removal that was cancelled has left its own to come.
  while (unanswered_ > 0) {
    auto [error] = co_await interposer_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (error) co_return asio_error(what, error);
    const ssize_t length_read = ::recv(socket, &reply, sizeof reply, MSG_DONTWAIT);
    if (length_read < 0 && errno == EAGAIN) continue;
    if (length_read < 0) co_return co_await explained(errno_error(what));
    if (length_read == 0) {
      co_return co_await explained(Error(ErrorKind::kGone, what + ": the interposer has gone"));
    }
    if (length_read != static_cast<ssize_t>(sizeof reply)) {
      co_return Error(ErrorKind::kInternal, what + ": the interposer answered in another format");
    }
    --unanswered_;
  }
  if (reply.error != 0) co_return errno_error(what, reply.error);
  co_return Result<void>();
}

// QMP names a device by its path in QEMU's object tree; x-query-virtio lists them.
Async<VirtQueueRings> QemuVm::vsock_event_queue() {
  CO_SNAP_ASSIGN(const Json devices, co_await command("x-query-virtio"));
  std::string path;
  if (devices.is_array()) {
    for (const Json& device : devices) {
      if (text_of(device, "name") == "vhost-vsock") path = text_of(device, "path");
    }
  }
  if (path.empty()) co_return Error(ErrorKind::kUnavailable, "QEMU lists no vsock device");
  Json which = {{"path", path}, {"queue", kVsockEventQueue}};
  CO_SNAP_ASSIGN(const Json queue, co_await command("x-query-virtio-queue-status", std::move(which)));
  const VirtQueueRings rings{.available = number_of(queue, "vring-avail"), .used = number_of(queue, "vring-used")};
  if (rings.available == 0 || rings.used == 0) {
    co_return Error(ErrorKind::kUnavailable, "the guest has not set up the event queue of its vsock device");
  }
  co_return rings;
}

// The layout of QEMU's q35 machine (hw/i386/pc_q35.c): RAM that does not fit below the PCI hole goes on at 4 GiB.
std::optional<ByteCount> QemuVm::ram_offset(std::uint64_t guest_physical) const {
  constexpr ByteCount kAbove = 4_GiB;
  const ByteCount most_below = memory_ >= 0xb0000000 ? 2_GiB : 0xb0000000;
  const ByteCount below = std::min<ByteCount>(memory_, most_below);
  if (guest_physical < below) return guest_physical;
  if (guest_physical >= kAbove && guest_physical - kAbove < memory_ - below) return guest_physical - kAbove + below;
  return std::nullopt;
}

GuestRam QemuVm::ram() const { return {.fd = process_.ram.get(), .size = memory_}; }

std::pair<std::string, std::string> QemuVm::accel() const {
  return {std::string(name_of(accel_.accel)), accel_.reason};
}

Async<VmEnd> QemuVm::wait_ended() {
  CO_SNAP_ASSIGN(const ExitStatus status, co_await process_.child.wait());
  // The event that says why may still be in the monitor's socket, which ends with the process.
  static_cast<void>(co_await with_deadline(kExitGrace, "the monitor's end", monitor_closed_.wait()));
  const bool by_guest = shutdown_reason_ == "guest-shutdown" || shutdown_reason_ == "guest-reset";
  co_return VmEnd{.status = status, .cause = cause_of_end(), .by_guest = by_guest};
}

// QEMU's own SHUTDOWN event names who wanted the end; without one, its log is all there is.
std::string QemuVm::cause_of_end() const {
  if (shutdown_reason_.empty()) return process_.last_words();
  if (shutdown_reason_ == "guest-shutdown") return "the guest powered off";
  if (shutdown_reason_ == "guest-reset") {
    const std::string panic = process_.kernel_panic();
    return panic.empty() ? "the guest reset itself" : "the guest reset itself: " + panic;
  }
  return "QEMU gave as its reason: " + shutdown_reason_;
}

}  // namespace snaphammer::vmm
