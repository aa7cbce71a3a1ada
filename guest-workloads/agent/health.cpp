#include "guest-workloads/agent/health.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "guest-workloads/agent/version.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::guest {
namespace {

Duration now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::string kernel_release() {
  utsname names{};
  ::uname(&names);
  return names.release;
}

}  // namespace

std::string read_boot_id() {
  const UniqueFd file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  char text[64];
  const ssize_t n = file ? ::read(file.get(), text, sizeof text) : 0;
  std::string id(text, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

HealthService::HealthService(const IdentityService& identity, const OutputStream& output, QuiesceService& quiesce)
    : identity_(identity), output_(output), quiesce_(quiesce), boot_id_(read_boot_id()), kernel_(kernel_release()) {}

void HealthService::add_routes(Router& router) {
  router.add("GET", "/health", [this](Exchange& exchange) { return answer(exchange); });
}

agent::HealthReport HealthService::report() const {
  agent::HealthReport report;
  report.version = kAgentVersion;
  report.boot_id = boot_id_;
  report.kernel = kernel_;
  report.uptime = now(CLOCK_MONOTONIC);
  report.wall_clock = now(CLOCK_REALTIME);
  report.generation = identity_.generation();
  report.output_epoch = output_.epoch();
  report.quiesced = quiesce_.quiesced();
  report.output_next_seq = output_.next_seq();
  return report;
}

Awaitable<void> HealthService::answer(Exchange& exchange) {
  auto noted = co_await quiesce_.note_health_check();
  if (!noted) {
    co_await exchange.fail(noted.error());
    co_return;
  }
  const nlohmann::json body = report().to_json();
  co_await exchange.respond(200, body);
}

}  // namespace snaphammer::guest
