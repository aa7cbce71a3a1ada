// The library as QEMU gets it: preloaded into a program that does not know of it (testing/pretend_qemu),
// with this test in the place of the worker and of the page server. No VM.
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/userfaultfd.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "lib/interposer/testing/packets.h"
#include "lib/interposer/wire.h"

namespace snaphammer::interposer {
namespace {

using testing::packet_with;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kRamSize = 64 * kPage;
constexpr int kPatience = 20'000;  // Milliseconds in which a thing must have happened.

bool is_readable(int fd, int milliseconds = kPatience) {
  pollfd event = {fd, POLLIN, 0};
  return ::poll(&event, 1, milliseconds) == 1;
}

/// A program with the library preloaded, its standard streams, and how it ended.
class Preloaded {
 public:
  Preloaded(std::vector<std::string> command, const std::vector<std::string>& environment) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    std::array<int, 2> error{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0 ||
        ::pipe2(error.data(), O_CLOEXEC) != 0)
      std::abort();
    const OwnedFd child_in(in[0]);
    const OwnedFd child_out(out[1]);
    const OwnedFd child_error(error[1]);
    in_ = OwnedFd(in[1]);
    out_ = OwnedFd(out[0]);
    error_ = OwnedFd(error[0]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, child_in.get(), 0);
    ::posix_spawn_file_actions_adddup2(&actions, child_out.get(), 1);
    ::posix_spawn_file_actions_adddup2(&actions, child_error.get(), 2);
    std::vector<std::string> variables = environment;
    variables.emplace_back("LD_PRELOAD=" SNAPHAMMER_INTERPOSER);
    const int failed = ::posix_spawn(&pid_, command[0].c_str(), &actions, nullptr, pointers(command).data(),
                                     pointers(variables).data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) std::abort();
  }
  ~Preloaded() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait_ended();
    }
  }
  Preloaded(const Preloaded&) = delete;
  Preloaded& operator=(const Preloaded&) = delete;

  void tell(const std::string& command) const {
    const std::string line = command + "\n";
    if (::write(in_.get(), line.data(), line.size()) < 0) std::abort();
  }
  std::string answer() {
    std::string line;
    char byte = 0;
    while (is_readable(out_.get()) && ::read(out_.get(), &byte, 1) == 1) {
      if (byte == '\n') return line;
      line += byte;
    }
    return "(no answer) " + line;
  }
  std::string ask(const std::string& command) {
    tell(command);
    return answer();
  }
  bool has_answered() const { return is_readable(out_.get(), 0); }

  /// Waits for its end and returns its exit status; it need not have been asked to end.
  int wait_ended() {
    in_ = OwnedFd();
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  /// All that it wrote to standard error; after its end.
  std::string errors() const {
    std::string text(65536, '\0');
    const ssize_t got = ::read(error_.get(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    for (std::string& string : strings) pointers.push_back(string.data());
    pointers.push_back(nullptr);
    return pointers;
  }

  pid_t pid_ = -1;
  OwnedFd in_;
  OwnedFd out_;
  OwnedFd error_;
};

/// What a page server gets.
struct HandedOff {
  nlohmann::json regions;
  OwnedFd userfault;
  OwnedFd connection;
};

class InterposerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ram_ = OwnedFd(::memfd_create("ram", 0));
    ASSERT_EQ(::ftruncate(ram_.get(), kRamSize), 0);
    struct stat status = {};
    ASSERT_EQ(::fstat(ram_.get(), &status), 0);
    config_.ram_device = status.st_dev;
    config_.ram_inode = status.st_ino;
    int fds[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    commands_ = OwnedFd(fds[0]);
    configuration_ = OwnedFd(fds[1]);
    inherit(configuration_);
  }

  static void inherit(const OwnedFd& fd) { ::fcntl(fd.get(), F_SETFD, 0); }

  void listen_for_hand_off() {
    directory_ = std::filesystem::temp_directory_path() / ("interposer-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    const std::string path = (directory_ / "uffd.sock").string();
    std::filesystem::remove(path);
    listener_ = OwnedFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_.get(), 1), 0);
    config_.hand_off = 1;
    config_.user_mode_only_allowed = 1;
    std::strcpy(config_.handoff_socket, path.c_str());
  }
  ~InterposerTest() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  void use_vsock() {
    inherit(sockets_.device);
    config_.vhost_fd = sockets_.device.get();
    config_.packet_fd = sockets_.device.get();
  }

  void send_config() const { ASSERT_EQ(::send(commands_.get(), &config_, sizeof config_, 0), ssize_t{sizeof config_}); }

  Preloaded start(bool configured = true) {
    std::vector<std::string> environment;
    if (configured) environment.push_back(kSocketVariable + ("=" + std::to_string(configuration_.get())));
    const OwnedFd handed_over = std::move(configuration_);
    return Preloaded({SNAPHAMMER_PRETEND_QEMU, std::to_string(ram_.get()), std::to_string(config_.vhost_fd)},
                     environment);
  }

  /// Starts it, and expects the interposer to end it with a message that has `text` in it.
  void expect_refusal(const std::string& text) {
    Preloaded qemu = start();
    EXPECT_EQ(qemu.wait_ended(), kFatalExit);
    EXPECT_NE(qemu.errors().find(text), std::string::npos) << qemu.errors();
  }

  HandedOff accept_hand_off() const {
    HandedOff handed;
    if (!is_readable(listener_.get())) return handed;
    handed.connection = OwnedFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string text(4096, '\0');
    iovec data = {text.data(), text.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    msghdr header = {};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(handed.connection.get(), &header, MSG_CMSG_CLOEXEC);
    if (got <= 0) return handed;
    text.resize(static_cast<std::size_t>(got));
    handed.regions = nlohmann::json::parse(text);
    const cmsghdr* rights = CMSG_FIRSTHDR(&header);
    if (rights != nullptr && rights->cmsg_len == CMSG_LEN(sizeof(int))) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
      handed.userfault = OwnedFd(fd);
    }
    return handed;
  }

  static uffd_msg next_event(const OwnedFd& userfault) {
    uffd_msg event = {};
    if (!is_readable(userfault.get()) || ::read(userfault.get(), &event, sizeof event) != ssize_t{sizeof event})
      ADD_FAILURE() << "no event";
    return event;
  }
  static void serve(const OwnedFd& userfault, std::uint64_t address, char byte) {
    alignas(kPage) std::array<char, kPage> page{};
    page.fill(byte);
    uffdio_copy copy = {};
    copy.dst = address;
    copy.src = reinterpret_cast<std::uintptr_t>(page.data());
    copy.len = kPage;
    EXPECT_EQ(::ioctl(userfault.get(), UFFDIO_COPY, &copy), 0) << std::strerror(errno);
  }

  void command(std::uint64_t offset, std::uint64_t length) const {
    const Command remove = {CommandKind::kRemove, offset, length};
    ASSERT_EQ(::send(commands_.get(), &remove, sizeof remove, 0), ssize_t{sizeof remove});
  }
  int reply() const {
    Reply reply = {-1};
    if (!is_readable(commands_.get())) return -1;
    return ::recv(commands_.get(), &reply, sizeof reply, 0) == ssize_t{sizeof reply} ? reply.error : -1;
  }
  int remove(std::uint64_t offset, std::uint64_t length) const {
    command(offset, length);
    return reply();
  }
  void write_ram(std::size_t offset, char byte) const {
    ASSERT_EQ(::pwrite(ram_.get(), &byte, 1, static_cast<off_t>(offset)), 1);
  }
  static std::string map_all() { return "map 0 " + std::to_string(kRamSize) + " shared"; }

  OwnedFd ram_;
  OwnedFd commands_;
  OwnedFd configuration_;
  OwnedFd listener_;
  std::filesystem::path directory_;
  testing::SocketPair sockets_;
  Config config_;
};

TEST_F(InterposerTest, DoesNothingWithoutConfiguration) {
  use_vsock();
  Preloaded qemu = start(false);
  write_ram(kPage, 'q');
  EXPECT_NE(qemu.ask(map_all()), "failed");
  EXPECT_EQ(qemu.ask("read 4096"), std::to_string('q'));
  EXPECT_EQ(qemu.ask("features"), std::strerror(ENOTTY));
  EXPECT_EQ(qemu.wait_ended(), 0);
  EXPECT_EQ(qemu.errors(), "");
}

TEST_F(InterposerTest, TakesItsVariableOutOfTheEnvironment) {
  send_config();
  Preloaded qemu = start();
  EXPECT_EQ(qemu.ask("environment"), "clean");
  EXPECT_EQ(qemu.wait_ended(), 0);
  EXPECT_EQ(qemu.errors(), "");
}

TEST_F(InterposerTest, LeavesRamAloneWithoutAHandOff) {
  send_config();
  Preloaded qemu = start();
  qemu.ask(map_all());
  EXPECT_EQ(qemu.ask("read 0"), "0");
}

TEST_F(InterposerTest, HandsRamOffAsFirecrackerDoes) {
  listen_for_hand_off();
  send_config();
  Preloaded qemu = start();
  const std::uint64_t address = std::stoull(qemu.ask(map_all()));
  const HandedOff handed = accept_hand_off();
  EXPECT_EQ(handed.regions, nlohmann::json::array({{{"base_host_virt_addr", address},
                                                    {"size", kRamSize},
                                                    {"offset", 0},
                                                    {"page_size", kPage},
                                                    {"page_size_kib", kPage}}}));
  ASSERT_TRUE(handed.userfault);
  EXPECT_NE(::fcntl(handed.userfault.get(), F_GETFL) & O_NONBLOCK, 0);
  // Open and silent from now on.
  EXPECT_FALSE(is_readable(handed.connection.get(), 0));
  EXPECT_EQ(qemu.ask("environment"), "clean");
  EXPECT_FALSE(is_readable(handed.connection.get(), 0));
}

TEST_F(InterposerTest, LetsThePageServerServeAFault) {
  listen_for_hand_off();
  send_config();
  Preloaded qemu = start();
  const std::uint64_t address = std::stoull(qemu.ask(map_all()));
  const HandedOff handed = accept_hand_off();
  qemu.tell("read " + std::to_string(5 * kPage + 17));
  const uffd_msg fault = next_event(handed.userfault);
  EXPECT_EQ(fault.event, UFFD_EVENT_PAGEFAULT);
  EXPECT_EQ(fault.arg.pagefault.address / kPage, address / kPage + 5);
  EXPECT_FALSE(qemu.has_answered());
  serve(handed.userfault, address + 5 * kPage, 'Z');
  EXPECT_EQ(qemu.answer(), std::to_string('Z'));
}

TEST_F(InterposerTest, TellsThePageServerOfARemovalBeforeItReplies) {
  listen_for_hand_off();
  send_config();
  Preloaded qemu = start();
  const std::uint64_t address = std::stoull(qemu.ask(map_all()));
  const HandedOff handed = accept_hand_off();
  serve(handed.userfault, address + 2 * kPage, 'R');
  EXPECT_EQ(qemu.ask("read 8192"), std::to_string('R'));

  command(2 * kPage, 2 * kPage);
  const uffd_msg removal = next_event(handed.userfault);
  EXPECT_EQ(removal.event, UFFD_EVENT_REMOVE);
  EXPECT_EQ(removal.arg.remove.start, address + 2 * kPage);
  EXPECT_EQ(removal.arg.remove.end, address + 4 * kPage);
  EXPECT_EQ(reply(), 0);

  qemu.tell("read 8192");  // Gone: it faults again.
  EXPECT_EQ(next_event(handed.userfault).event, UFFD_EVENT_PAGEFAULT);
  serve(handed.userfault, address + 2 * kPage, 'N');
  EXPECT_EQ(qemu.answer(), std::to_string('N'));
}

TEST_F(InterposerTest, HandsOffSeveralPiecesTogether) {
  listen_for_hand_off();
  send_config();
  Preloaded qemu = start();
  const std::uint64_t second = std::stoull(qemu.ask("map 131072 131072 shared"));
  EXPECT_FALSE(is_readable(listener_.get(), 0));
  const std::uint64_t first = std::stoull(qemu.ask("map 0 131072 shared"));
  const HandedOff handed = accept_hand_off();
  ASSERT_EQ(handed.regions.size(), 2U);
  EXPECT_EQ(handed.regions[0]["base_host_virt_addr"], first);
  EXPECT_EQ(handed.regions[0]["offset"], 0);
  EXPECT_EQ(handed.regions[1]["base_host_virt_addr"], second);
  EXPECT_EQ(handed.regions[1]["offset"], 131072);
  EXPECT_EQ(handed.regions[1]["size"], 131072);
}

TEST_F(InterposerTest, RemovesFromRamThatWasNotHandedOff) {
  send_config();
  Preloaded qemu = start();
  EXPECT_EQ(remove(0, kPage), ENODEV);
  qemu.ask(map_all());
  write_ram(0, 'a');
  write_ram(kPage, 'b');
  EXPECT_EQ(remove(kPage, kPage), 0);
  EXPECT_EQ(qemu.ask("read 0"), std::to_string('a'));
  EXPECT_EQ(qemu.ask("read 4096"), "0");
}

TEST_F(InterposerTest, ChecksTheRangeOfARemoval) {
  send_config();
  Preloaded qemu = start();
  qemu.ask(map_all());
  EXPECT_EQ(remove(0, 0), EINVAL);
  EXPECT_EQ(remove(1, kPage), EINVAL);
  EXPECT_EQ(remove(0, kPage - 1), EINVAL);
  EXPECT_EQ(remove(kRamSize, kPage), EINVAL);
  EXPECT_EQ(remove(0, kRamSize + kPage), EINVAL);
  EXPECT_EQ(remove(kPage, UINT64_MAX - kPage + 1), EINVAL);
  EXPECT_EQ(remove(0, kRamSize), 0);
}

TEST_F(InterposerTest, IsAVhostVsockDevice) {
  use_vsock();
  send_config();
  Preloaded qemu = start();
  qemu.ask(map_all());
  EXPECT_NE(std::stoull(qemu.ask("features")) & (1ULL << 32), 0U);
  qemu.tell("echo");
  sockets_.send(packet_with("there and back"));
  ASSERT_TRUE(is_readable(sockets_.worker.get()));
  EXPECT_EQ(sockets_.receive(), packet_with("there and back"));
  EXPECT_EQ(qemu.answer(), "echoed, base 1");
  EXPECT_EQ(qemu.wait_ended(), 0);
}

TEST_F(InterposerTest, GoesOnWithoutAWorker) {
  send_config();
  Preloaded qemu = start();
  commands_ = OwnedFd();
  qemu.ask(map_all());
  EXPECT_EQ(qemu.ask("read 0"), "0");
  EXPECT_EQ(qemu.wait_ended(), 0);
}

// Misuse. Each ends QEMU, before it has done anything, with a line that says why.

TEST_F(InterposerTest, RefusesAVariableThatIsNoDescriptor) {
  Preloaded qemu({SNAPHAMMER_PRETEND_QEMU, "0", "0"}, {std::string(kSocketVariable) + "=seven"});
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("\"seven\", which is no descriptor"), std::string::npos);
}

TEST_F(InterposerTest, RefusesADescriptorThatIsNotThere) {
  Preloaded qemu({SNAPHAMMER_PRETEND_QEMU, "0", "0"}, {std::string(kSocketVariable) + "=987"});
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("was not inherited"), std::string::npos);
}

TEST_F(InterposerTest, RefusesToStartWithoutAConfig) { expect_refusal("no configuration waits"); }

TEST_F(InterposerTest, RefusesAConfigOfAnotherSize) {
  ASSERT_GT(::send(commands_.get(), &config_, sizeof config_ - 1, 0), 0);
  expect_refusal("different builds");
}

TEST_F(InterposerTest, RefusesAConfigOfAnotherVersion) {
  config_.version = kWireVersion + 1;
  send_config();
  expect_refusal("different builds");
}

TEST_F(InterposerTest, RefusesAHandOffWithoutItsRam) {
  listen_for_hand_off();
  config_.ram_inode = 0;
  send_config();
  expect_refusal("not of which memory file");
}

TEST_F(InterposerTest, RefusesAHandOffWithoutASocket) {
  config_.hand_off = 1;
  send_config();
  expect_refusal("handoff_socket is no path");
}

TEST_F(InterposerTest, RefusesHalfAVsock) {
  inherit(sockets_.device);
  config_.vhost_fd = sockets_.device.get();
  send_config();
  expect_refusal("vsock needs both");
}

TEST_F(InterposerTest, RefusesAPacketSocketOfAnotherKind) {
  inherit(ram_);
  config_.vhost_fd = ram_.get();
  config_.packet_fd = ram_.get();
  send_config();
  expect_refusal("is no socket");
}

TEST_F(InterposerTest, RefusesAVhostDescriptorThatCannotBeRecognised) {
  use_vsock();
  const OwnedFd event(::eventfd(0, 0));
  config_.vhost_fd = event.get();
  send_config();
  expect_refusal("has no inode of its own");
}

TEST_F(InterposerTest, RefusesRamThatIsMappedPrivately) {
  send_config();
  Preloaded qemu = start();
  qemu.tell("map 0 4096 private");
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("share=on"), std::string::npos);
}

TEST_F(InterposerTest, RefusesToHandOffToNobody) {
  listen_for_hand_off();
  listener_ = OwnedFd();
  send_config();
  Preloaded qemu = start();
  qemu.tell(map_all());
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("no page server to hand RAM off to"), std::string::npos);
}

TEST_F(InterposerTest, RefusesAnotherMappingAfterTheHandOff) {
  listen_for_hand_off();
  send_config();
  Preloaded qemu = start();
  qemu.ask(map_all());
  qemu.tell("map 0 4096 shared");
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("after it had been handed off"), std::string::npos);
}

TEST_F(InterposerTest, RefusesACommandThatIsNone) {
  send_config();
  Preloaded qemu = start();
  ASSERT_EQ(::send(commands_.get(), "x", 1, 0), 1);
  EXPECT_TRUE(is_readable(commands_.get()));  // Its end closes with it.
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("a command of 1 bytes"), std::string::npos);
}

}  // namespace
}  // namespace snaphammer::interposer
