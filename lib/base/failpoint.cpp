#include "lib/base/failpoint.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

namespace snaphammer {
namespace {

// Built on first use, because failpoints register during static initialization.
std::map<std::string_view, Failpoint*>& registry() {
  static auto* const failpoints = new std::map<std::string_view, Failpoint*>();
  return *failpoints;
}

[[noreturn]] void die(std::string_view name, const char* why) {
  std::fprintf(stderr, "failpoint %.*s: %s\n", static_cast<int>(name.size()), name.data(), why);
  std::abort();
}

}  // namespace

Failpoint::Failpoint(std::string name) : name_(std::move(name)) {
  if (!registry().emplace(name_, this).second) die(name_, "registered twice");
}

Result<void> Failpoint::act() {
  const std::shared_lock lock(mutex_);
  return action_ ? action_() : Result<void>();
}

std::vector<std::string_view> Failpoint::names() {
  std::vector<std::string_view> names;
  for (const auto& [name, failpoint] : registry()) names.push_back(name);
  return names;
}

ScopedFailpoint::ScopedFailpoint(std::string_view name, Failpoint::Action action) {
  const auto found = registry().find(name);
  if (found == registry().end()) die(name, "no such failpoint");
  failpoint_ = found->second;
  const std::unique_lock lock(failpoint_->mutex_);
  if (failpoint_->action_) die(name, "armed already");
  failpoint_->action_ = [this, action = std::move(action)] {
    ++hits_;
    return action();
  };
  failpoint_->armed_ = true;
}

ScopedFailpoint::~ScopedFailpoint() {
  failpoint_->armed_ = false;
  const std::unique_lock lock(failpoint_->mutex_);
  failpoint_->action_ = nullptr;
}

}  // namespace snaphammer
