#include "guest-workloads/agent/identity.h"

#include <fcntl.h>
#include <unistd.h>

#include "guest-workloads/agent/read_request.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::guest {

using agent::ClockRequest;
using agent::InitReport;
using agent::InitRequest;

namespace {

UniqueFd open_new(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
}

// Complete or not there: programs in the guest may read it at any moment. Its directory is made when it is missing.
Result<void> replace_file(const std::filesystem::path& path, const std::string& content) {
  const std::string fresh = path.string() + ".new";
  UniqueFd file = open_new(fresh);
  if (!file && errno == ENOENT) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return errno_error("create " + path.parent_path().string(), error.value());
    file = open_new(fresh);
  }
  if (!file) return errno_error("create " + fresh);
  if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    return errno_error("write " + fresh);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error("rename " + fresh);
  return {};
}

}  // namespace

IdentityService::IdentityService(GuestSystem& system, std::filesystem::path state_directory)
    : system_(system), state_directory_(std::move(state_directory)) {}

void IdentityService::add_routes(Router& router) {
  router.add("POST", "/init", [this](Exchange& exchange) { return answer_init(exchange); });
  router.add("POST", "/clock", [this](Exchange& exchange) { return answer_clock(exchange); });
}

Awaitable<void> IdentityService::answer_init(Exchange& exchange) {
  const std::string before = generation();
  Result<InitReport> report =
      read_request<InitRequest>(exchange).and_then([this](const InitRequest& request) { return apply(request); });
  if (report && generation() != before && on_new_generation_) {
    auto followed = co_await on_new_generation_();
    if (!followed) report = tl::unexpected(followed.error());
  }
  if (report) {
    const nlohmann::json body = report->to_json();
    co_await exchange.respond(200, body);
  } else {
    co_await exchange.fail(report.error());
  }
}

Awaitable<void> IdentityService::answer_clock(Exchange& exchange) {
  Result<void> done =
      read_request<ClockRequest>(exchange).and_then([this](const ClockRequest& request) { return set_clock(request); });
  co_await exchange.conclude(std::move(done));
}

Result<InitReport> IdentityService::apply(const InitRequest& request) {
  if (request.generation == report_.generation) return report_;

  InitReport report{.generation = request.generation, .clock_step = {}, .entropy_bytes = 0};
  // Randomness first, so that nothing drawn from here on, by whomever, is drawn by a clone too.
  if (!request.entropy.empty()) {
    SNAP_TRY(system_.add_entropy(request.entropy));
    report.entropy_bytes = request.entropy.size();
  }
  if (request.wall_clock.count() != 0) {
    SNAP_ASSIGN(report.clock_step, system_.set_wall_clock(request.wall_clock));
  }
  nlohmann::json identity = request.identity.to_json();
  identity["generation"] = request.generation;
  SNAP_TRY(store(std::move(identity)));
  environment_ = request.identity.environment;
  listener_ = request.listener;
  policy_ = request.policy;
  report_ = report;
  return report;
}

Result<void> IdentityService::set_clock(const ClockRequest& request) {
  if (stored_.is_null()) return Error(ErrorKind::kUnavailable, "clock: init comes first, and sets it");
  SNAP_TRY(system_.set_wall_clock(request.wall_clock));
  nlohmann::json identity = stored_;
  identity["clock_setting"] = std::to_string(++clock_settings_);
  return store(std::move(identity));
}

Result<void> IdentityService::store(nlohmann::json identity) {
  SNAP_TRY(replace_file(state_directory_ / "identity.json", agent::print_json(identity) + "\n"));
  stored_ = std::move(identity);
  return {};
}

}  // namespace snaphammer::guest
