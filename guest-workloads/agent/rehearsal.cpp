#include "guest-workloads/agent/rehearsal.h"

#include <cerrno>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "guest-workloads/agent/guest_system.h"
#include "guest-workloads/agent/identity.h"
#include "guest-workloads/agent/ports/listening_ports.h"
#include "lib/agent/json_fields.h"

namespace snaphammer::guest {
namespace {

constexpr const char* kStateDirectory = "/run/snaphammer/rehearsal";

// An init as the host sends it, of a generation that is new each time.
std::string init_request(unsigned generation) {
  const agent::InitRequest request{
      .generation = std::to_string(generation),
      .wall_clock = std::chrono::seconds(1),
      .identity = {.name = "rehearsal", .environment = {{"NAME", "value"}}, .token = "token"},
      .entropy = "none"};
  return agent::print_json(request.to_json());
}

void rehearse_init(IdentityService& identity, const std::string& request) {
  static_cast<void>(agent::parse_json(request)
                        .and_then(agent::InitRequest::from_json)
                        .and_then([&](const agent::InitRequest& parsed) { return identity.apply(parsed); }));
}

void rehearse_command() {
  const Result<Process> process = spawn({.command = {"true"}, .environment = {}, .directory = "/"});
  if (!process) return;
  while (::waitpid(process->pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<void> Rehearsal::begin() {
  char path[256];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length < 0) return errno_error("read /proc/self/exe");
  const std::string self(path, static_cast<std::size_t>(length));
  SNAP_ASSIGN(helper_, spawn({.command = {self, std::string(kHelper)}, .environment = {}, .directory = "/"}));
  child_ = reaper_.adopt(helper_.pid);
  return {};
}

void Rehearsal::again() {
  if (child_ == nullptr || child_->ended()) return;
  // A full pipe, or one without a reader: there is nobody to ask.
  static_cast<void>(!::write(helper_.input.get(), "!", 1));
}

int Rehearsal::run_helper() {
  // The clock and the randomness of the guest are for the init that counts.
  const std::unique_ptr<GuestSystem> untouched = make_untouched_system();
  IdentityService identity(*untouched, kStateDirectory);
  unsigned rehearsals = 0;
  std::string request = init_request(rehearsals);
  for (char byte = 0; ::read(STDIN_FILENO, &byte, 1) == 1;) {
    // In the order in which they will be asked for.
    rehearse_init(identity, request);
    static_cast<void>(listening_ports("/proc/net"));
    rehearse_command();
    request = init_request(++rehearsals);
  }
  return 0;
}

}  // namespace snaphammer::guest
