#include "lib/vmm/qemu/qemu_process.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/interposer/wire.h"
#include "lib/vmm/qemu/command_line.h"

namespace snaphammer::vmm {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTail = 16 * 1024;

Result<UniqueFd> make_ram(ByteCount size) {
  UniqueFd ram(::memfd_create("snaphammer-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!ram) return errno_error("make a memory file for guest RAM");
  if (::ftruncate(ram.get(), static_cast<off_t>(size)) != 0) {
    return errno_error("give guest RAM " + format_bytes(size));
  }
  if (::fcntl(ram.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return errno_error("fix the size of guest RAM");
  }
  return ram;
}

Result<std::pair<UniqueFd, UniqueFd>> make_socket_pair(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
    return errno_error("make a socket pair");
  }
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Result<UniqueFd> open_for_append(const fs::path& path) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file) return errno_error("open " + path.string());
  return file;
}

ByteCount size_of(const UniqueFd& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 ? static_cast<ByteCount>(status.st_size) : 0;
}

Result<interposer::Config> interposer_config(const UniqueFd& ram, const VmPlacement& placement, Accel accel) {
  interposer::Config config;
  struct stat status {};
  if (::fstat(ram.get(), &status) != 0) return errno_error("identify guest RAM");
  config.ram_device = status.st_dev;
  config.ram_inode = status.st_ino;
  config.vhost_fd = kPacketDescriptor;
  config.packet_fd = kPacketDescriptor;
  // Under TCG no system call writes into guest RAM before the page server has served it.
  config.user_mode_only_allowed = accel == Accel::kTcg ? 1 : 0;
  if (placement.memory_handoff) {
    const std::string path = placement.memory_handoff->string();
    if (path.size() >= sizeof config.handoff_socket) {
      return Error(ErrorKind::kInvalid, path + ": too long for the path of a socket");
    }
    config.hand_off = 1;
    path.copy(config.handoff_socket, path.size());
  }
  return config;
}

Result<void> send_config(const UniqueFd& socket, const interposer::Config& config) {
  const ssize_t sent = ::send(socket.get(), &config, sizeof config, MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(sizeof config)) return errno_error("configure the interposer");
  return {};
}

std::vector<std::string> command_line(const fs::path& program, const VmConfig& config, const VmPlacement& placement,
                                      Accel accel) {
  std::vector<std::string> result = {program};
  for (const auto& part : {machine_arguments(config, accel), boot_arguments(config),
                           host_arguments(placement.console_log, placement.memory_handoff.has_value())}) {
    result.insert(result.end(), part.begin(), part.end());
  }
  return result;
}

// The last kTail bytes of a file, but nothing before `start`; empty when it cannot be read.
std::string tail_of(const fs::path& path, ByteCount start) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  const ByteCount size = size_of(file);
  const ByteCount from = std::max(start, size > kTail ? size - kTail : 0);
  std::string tail(size > from ? size - from : 0, '\0');
  const ssize_t length = ::pread(file.get(), tail.data(), tail.size(), static_cast<off_t>(from));
  tail.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return tail;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of("\r\n", at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

Result<QemuProcess> QemuProcess::spawn(const fs::path& program, const fs::path& interposer, const VmConfig& config,
                                       const VmPlacement& placement, Accel accel) {
  QemuProcess process;
  process.log = placement.vmm_log;
  process.console = placement.console_log;
  SNAP_ASSIGN(process.ram, make_ram(config.memory));
  SNAP_ASSIGN(auto monitor, make_socket_pair(SOCK_STREAM));
  SNAP_ASSIGN(auto commands, make_socket_pair(SOCK_SEQPACKET));
  SNAP_ASSIGN(auto packets, make_socket_pair(SOCK_SEQPACKET));
  process.monitor = std::move(monitor.first);
  process.interposer = std::move(commands.first);
  process.packets = std::move(packets.first);

  SNAP_ASSIGN(const UniqueFd log, open_for_append(placement.vmm_log));
  SNAP_ASSIGN(const UniqueFd console, open_for_append(placement.console_log));
  process.log_start = size_of(log);
  process.console_start = size_of(console);
  SNAP_ASSIGN(process.interposer_link, PreloadLink::make(interposer, placement.directory));

  SNAP_ASSIGN(const auto settings, interposer_config(process.ram, placement, accel));
  SNAP_TRY(send_config(process.interposer, settings));

  SpawnOptions options;
  options.argv = command_line(program, config, placement, accel);
  options.environment = {{"LD_PRELOAD", process.interposer_link.name()},
                         {interposer::kSocketVariable, std::to_string(kInterposerDescriptor)}};
  options.inherit = {{monitor.second.get(), kMonitorDescriptor},
                     {process.ram.get(), kRamDescriptor},
                     {commands.second.get(), kInterposerDescriptor},
                     {packets.second.get(), kPacketDescriptor}};
  options.output = log.get();
  options.error = log.get();
  SNAP_ASSIGN(process.child, ChildProcess::spawn(options));
  return process;
}

std::string QemuProcess::last_words() const {
  constexpr std::size_t kLines = 3;
  const std::vector<std::string> lines = lines_of(tail_of(log, log_start));
  std::string words;
  for (std::size_t i = lines.size() - std::min(lines.size(), kLines); i < lines.size(); ++i) {
    words += (words.empty() ? "" : " / ") + lines[i];
  }
  return words;
}

std::string QemuProcess::kernel_panic() const {
  const std::vector<std::string> lines = lines_of(tail_of(console, console_start));
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    // The kernel's last line repeats the first: "---[ end Kernel panic - not syncing: ... ]---".
    const std::size_t at = line->find("Kernel panic - not syncing");
    if (at != std::string::npos && line->find("---[ end") == std::string::npos) return line->substr(at);
  }
  return {};
}

}  // namespace snaphammer::vmm
