#include "guest-workloads/agent/workload.h"

#include <signal.h>
#include <unistd.h>

#include "guest-workloads/agent/line_reader.h"
#include "lib/agent/json_fields.h"
#include "lib/base/start_task.h"

namespace snaphammer::guest {

using agent::CheckReport;
using agent::WorkloadInfo;

namespace {

constexpr std::size_t kFindingsKept = 4_MiB;  // Then the workload waits for a check to take some.
constexpr std::size_t kErrorTail = 4_KiB;
// A line that begins so is forwarded unread, as there may be tens of thousands; the host reads it strictly.
constexpr std::string_view kFindingPrefix = R"({"type":"finding",)";

bool is_answer(const std::string& type) {
  return type == "collected" || type == "quiesced" || type == "resumed" || type == "set-aside" || type == "taken-back";
}

bool is_refusal(const std::string& type, const nlohmann::json& message) {
  return type == "refused" && message.contains("command") && message["command"].is_string() &&
         message.contains("why") && message["why"].is_string();
}

}  // namespace

Workload::Workload(const asio::any_io_executor& executor, Reaper& reaper, OutputStream& output,
                   agent::StartWorkload request, Process process)
    : executor_(executor),
      output_(output),
      request_(std::move(request)),
      child_(reaper.adopt(process.pid)),
      input_(std::move(process.input)),
      standard_output_(executor, std::move(process.output), child_),
      standard_error_(executor, std::move(process.error), child_),
      changed_(executor),
      findings_(executor, kFindingsKept) {}

std::shared_ptr<Workload> Workload::start(const asio::any_io_executor& executor, Reaper& reaper, OutputStream& output,
                                          agent::StartWorkload request, Process process) {
  std::shared_ptr<Workload> workload(new Workload(executor, reaper, output, std::move(request), std::move(process)));
  start_task(executor, workload->supervise());
  start_task(executor, workload->read_output());
  start_task(executor, workload->read_error());
  return workload;
}

Awaitable<void> Workload::supervise() {
  const auto self = shared_from_this();
  co_await child_->wait();
  changed_.notify();
  standard_output_.child_ended();
  standard_error_.child_ended();
  while (!finished()) co_await changed_.wait();
  nlohmann::json fields = info().to_json();
  output_.emit("ended", std::move(fields));
}

Awaitable<void> Workload::read_output() {
  const auto self = shared_from_this();
  LineReader lines;
  while (true) {
    const std::string_view piece = co_await standard_output_.next();
    if (piece.empty()) break;
    lines.add(piece);
    while (const std::optional<std::string> line = lines.next()) co_await take_line(*line);
  }
  output_ended_ = true;
  changed_.notify();
}

Awaitable<void> Workload::read_error() {
  const auto self = shared_from_this();
  LineReader lines;
  while (true) {
    const std::string_view piece = co_await standard_error_.next();
    if (piece.empty()) break;
    error_tail_ += piece;
    if (error_tail_.size() > kErrorTail) error_tail_.erase(0, error_tail_.size() - kErrorTail);
    lines.add(piece);
    while (const std::optional<std::string> line = lines.next()) {
      crash_report_.add(*line);
      output_.emit("log", {{"from", request_.as}, {"text", *line}});
    }
  }
  error_ended_ = true;
  changed_.notify();
}

Awaitable<void> Workload::take_line(std::string_view line) {
  if (line.starts_with(kFindingPrefix)) {
    co_await take_finding(line);
    co_return;
  }
  Result<nlohmann::json> message = agent::parse_json(line);
  const bool typed = message && message->is_object() && message->contains("type") && (*message)["type"].is_string();
  if (!typed) {
    output_.emit("log", {{"from", request_.as}, {"text", line}});
    co_return;
  }
  const std::string type = (*message)["type"].get<std::string>();
  if (type == "finding") {
    co_await take_finding(line);
  } else {
    take_message(type, *std::move(message));
  }
}

Awaitable<void> Workload::take_finding(std::string_view line) {
  ++findings_seen_;
  std::string text = std::string(line) + "\n";
  co_await findings_.push(std::move(text));
  changed_.notify();
}

void Workload::take_message(const std::string& type, nlohmann::json message) {
  if (type == "ready") {
    ready_ = true;
    if (message.contains("crash") && message["crash"].is_string()) crash_finding_ = message["crash"].get<std::string>();
  } else if (is_answer(type)) {
    message.erase("type");
    ++answers_[type].count;
    answers_[type].last = std::move(message);
  } else if (is_refusal(type, message)) {
    Answers& refusals = refusals_[message["command"].get<std::string>()];
    ++refusals.count;
    refusals.last = std::move(message);
  } else if (type == "verdict") {
    Result<CheckReport> verdict = CheckReport::from_json(message);
    if (verdict) {
      verdict_ = *std::move(verdict);
    } else {
      // A verdict that cannot be read must not look like a pass.
      verdict_ =
          CheckReport{.pass = false, .counters = {{"invalid", verdict.error().message()}}, .died = {}, .late = {}};
    }
    ++verdicts_seen_;
  } else {
    message["as"] = request_.as;
    message.erase("type");
    output_.emit(type == "beat" ? "beat" : "log", std::move(message));
  }
  changed_.notify();
}

bool Workload::send(std::string_view command) {
  return running() && ::write(input_.get(), command.data(), command.size()) == static_cast<ssize_t>(command.size());
}

void Workload::wake_at(asio::steady_timer& timer, TimePoint deadline) {
  timer.expires_at(deadline);
  timer.async_wait([self = shared_from_this()](const boost::system::error_code&) { self->changed_.notify(); });
}

Async<void> Workload::wait_ready(Duration timeout) {
  const auto self = shared_from_this();
  const TimePoint deadline = SteadyClock::now() + timeout;
  asio::steady_timer timer(executor_);
  wake_at(timer, deadline);
  while (!ready_ && !finished() && SteadyClock::now() < deadline) co_await changed_.wait();
  if (ready_) co_return Result<void>();
  const std::string what = "workload " + request_.as + " (" + request_.workload + ")";
  const std::string said = error_tail_.empty() ? "" : ": " + error_tail_;
  if (finished()) {
    co_return Error(ErrorKind::kGone, what + " " + child_->end().describe() + " before it was ready" + said);
  }
  co_return Error(ErrorKind::kTimeout, what + " was not ready within " + format_duration(timeout) + said);
}

Async<nlohmann::json> Workload::ask(std::string command, std::string answer, Duration timeout) {
  const auto self = shared_from_this();
  const std::uint64_t answered = answers_[answer].count;
  const std::uint64_t refused = refusals_[command].count;
  const auto is_answered = [&] { return answers_[answer].count > answered || refusals_[command].count > refused; };
  const TimePoint deadline = SteadyClock::now() + timeout;
  send(command + "\n");
  asio::steady_timer timer(executor_);
  wake_at(timer, deadline);
  while (!is_answered() && !finished() && SteadyClock::now() < deadline) co_await changed_.wait();
  if (answers_[answer].count > answered) co_return answers_[answer].last;
  const std::string what = "workload " + request_.as + ": " + command + ": ";
  if (refusals_[command].count > refused) {
    co_return Error(ErrorKind::kUnavailable, what + refusals_[command].last.value("why", "it refuses"));
  }
  if (finished()) co_return Error(ErrorKind::kGone, what + "it " + child_->end().describe());
  co_return Error(ErrorKind::kTimeout, what + "no answer within " + format_duration(timeout));
}

std::optional<CheckReport> Workload::outcome(std::uint64_t check, TimePoint deadline) const {
  CheckReport report;
  if (verdicts_seen_ >= check) return verdict_;
  if (finished()) {
    report.died = info();
    return report;
  }
  if (SteadyClock::now() >= deadline) {
    report.late = "workload " + request_.as + " gave no verdict in time";
    return report;
  }
  return std::nullopt;
}

Awaitable<void> Workload::check(Exchange& exchange, Duration silence) {
  const auto self = shared_from_this();
  // Verdicts come in the order of the checks; an earlier one that nobody waited for any more is passed over.
  const std::uint64_t number = ++checks_sent_;
  checking_ = true;
  send("check\n");
  asio::steady_timer timer(executor_);
  TimePoint deadline = SteadyClock::now() + silence;
  wake_at(timer, deadline);
  const auto gone = std::make_shared<bool>(false);
  exchange.watch_client([gone, self] {
    *gone = true;
    self->changed_.notify();
  });

  bool taken = co_await exchange.begin_stream("");
  std::optional<CheckReport> report;
  while (taken && !*gone) {
    std::string some(findings_.peek(agent::kMaxLine));
    const std::size_t bytes = some.size();
    if (bytes > 0) {
      taken = co_await exchange.write(std::move(some));
      if (taken) findings_.consume(bytes);
      deadline = SteadyClock::now() + silence;  // A workload with findings is at work.
      wake_at(timer, deadline);
    } else if ((report = outcome(number, deadline))) {
      break;
    } else {
      co_await changed_.wait();
    }
  }
  exchange.stop_watching();
  checking_ = false;
  if (!report) co_return;  // The client went away.
  std::string last = agent::print_json(report->to_json()) + "\n";
  taken = co_await exchange.write(std::move(last));
  if (taken) co_await exchange.end_stream();
}

Awaitable<WorkloadInfo> Workload::stop(Duration timeout) {
  const auto self = shared_from_this();
  const TimePoint deadline = SteadyClock::now() + timeout;
  send("stop\n");
  asio::steady_timer timer(executor_);
  wake_at(timer, deadline);
  while (running() || !error_ended_) {
    if (SteadyClock::now() >= deadline) child_->signal_group(SIGKILL);
    co_await changed_.wait();
  }
  co_return info();
}

WorkloadInfo Workload::info() const {
  std::optional<agent::Crash> crash;
  if (child_->ended() && child_->end().code != 0 && !crash_finding_.empty() && !crash_report_.headline().empty()) {
    crash = {.finding = crash_finding_, .headline = crash_report_.headline(), .report = crash_report_.text()};
  }
  return {.as = request_.as,
          .workload = request_.workload,
          .pid = child_->pid(),
          .end = child_->end(),
          .stderr_tail = error_tail_,
          .findings = findings_seen_,
          .undelivered_bytes = findings_.size(),
          .crash = std::move(crash)};
}

}  // namespace snaphammer::guest
