#include "lib/vmm/testing/test_machine.h"

#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace snaphammer::vmm {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// The directory of the guest image, or why there is none.
Result<fs::path> build_image() {
  const std::string command = SNAPHAMMER_BUILD_IMAGE " --agent " SNAPHAMMER_TICKING_INIT " 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return errno_error("run " + command);
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output.push_back(static_cast<char>(c));
  if (::pclose(pipe) != 0) return Error(ErrorKind::kUnfit, output);
  output.pop_back();
  return fs::path(output.substr(output.rfind('\n') + 1));
}

const Result<fs::path>& image() {
  static const Result<fs::path> result = build_image();
  return result;
}

template <class T>
void require(const Result<T>& result) {
  if (!result) throw std::runtime_error(result.error().describe());
}

// Where a page server would listen; nobody accepts, and the kernel takes the one connection and message.
UniqueFd listen_at(const fs::path& path) {
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), 1) != 0) {
    throw std::runtime_error(errno_error("listen at " + path.string()).message());
  }
  return listener;
}

Async<void> await_change(int inotify) {
  asio::posix::stream_descriptor watched(co_await asio::this_coro::executor, inotify);
  auto [error] = co_await watched.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
  watched.release();
  if (error) co_return asio_error("watch the console", error);
  char events[4096];
  if (::read(inotify, events, sizeof events) < 0) co_return errno_error("read console events");
  co_return Result<void>();
}

}  // namespace

std::string read_ram(const GuestRam& ram) {
  std::string bytes(ram.size, '\0');
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t length = ::pread(ram.fd, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (length <= 0) throw std::runtime_error(errno_error("read guest RAM").message());
    at += static_cast<std::size_t>(length);
  }
  return bytes;
}

std::string TestMachine::unavailable() { return image() ? std::string() : image().error().message(); }

TestMachine::TestMachine() {
  std::string directory = fs::temp_directory_path() / "snaphammer-vmm-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) {
    throw std::runtime_error(errno_error("make " + directory).message());
  }
  placement.directory = directory;
  placement.console_log = path("console.log");
  placement.vmm_log = path("vmm.log");
  config.kernel = image().value() / "vmlinuz";
  config.initramfs = image().value() / "initramfs";
  options.interposer = SNAPHAMMER_INTERPOSER;
}

TestMachine::~TestMachine() { fs::remove_all(placement.directory); }

Result<std::unique_ptr<Vm>> TestMachine::try_start() {
  QemuBackend backend(options);
  return run(backend.start(config, placement));
}

std::unique_ptr<Vm> TestMachine::start() {
  auto vm = try_start();
  if (!vm) throw std::runtime_error(vm.error().describe());
  return std::move(*vm);
}

std::unique_ptr<Vm> TestMachine::start_for_restore(const std::string& ram) {
  placement.memory_handoff = path("handoff.sock");
  const UniqueFd listener = listen_at(*placement.memory_handoff);
  auto vm = start();
  fs::remove(*placement.memory_handoff);
  placement.memory_handoff.reset();
  for (std::size_t at = 0; at < ram.size();) {
    const ssize_t length = ::pwrite(vm->ram().fd, ram.data() + at, ram.size() - at, static_cast<off_t>(at));
    if (length <= 0) throw std::runtime_error(errno_error("fill guest RAM").message());
    at += static_cast<std::size_t>(length);
  }
  return vm;
}

std::unique_ptr<Vm> TestMachine::start_from_base() {
  struct Base {
    TestMachine machine;
    std::string memory;
  };
  static const std::unique_ptr<const Base> base = [] {
    auto made = std::make_unique<Base>();
    auto vm = made->machine.start();
    require(made->machine.run(vm->resume()));
    made->machine.expect_ticking_on();
    require(made->machine.run(vm->pause()));
    require(made->machine.run(vm->save_state(made->machine.path("vmstate"))));
    made->memory = read_ram(vm->ram());
    return made;
  }();
  fs::copy(base->machine.placement.console_log, placement.console_log);
  auto vm = start_for_restore(base->memory);
  require(run(vm->load(base->machine.path("vmstate"))));
  return vm;
}

std::string TestMachine::console() const {
  std::ostringstream text;
  text << std::ifstream(placement.console_log).rdbuf();
  return text.str();
}

void TestMachine::await_console_that(const std::function<bool()>& done) {
  const UniqueFd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (::inotify_add_watch(inotify.get(), placement.console_log.c_str(), IN_MODIFY) < 0) {
    throw std::runtime_error(errno_error("watch the console").message());
  }
  while (!done()) {
    const auto changed = run(await_change(inotify.get()));
    if (!changed) throw std::runtime_error(changed.error().message() + "; console:\n" + console());
  }
}

void TestMachine::await_console(const std::string& text) {
  await_console_that([&] { return console().find(text) != std::string::npos; });
}

std::vector<unsigned long> TestMachine::ticks() const {
  std::vector<unsigned long> counts;
  std::istringstream lines(console());
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    if (line.rfind("tick ", 0) == 0) counts.push_back(std::stoul(line.substr(5)));
  }
  return counts;
}

void TestMachine::expect_ticking_on() {
  constexpr std::size_t kMore = 5;
  const std::size_t before = ticks().size();
  await_console_that([&] { return ticks().size() >= before + kMore; });
  const auto counts = ticks();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    ASSERT_EQ(counts[i], i + 1) << "the count went wrong; console:\n" << console();
  }
}

}  // namespace snaphammer::vmm
