#include "lib/agent/client.h"

#include <utility>

#include "lib/agent/http_call.h"
#include "lib/agent/json_fields.h"

namespace snaphammer::agent {
namespace {

// What the agent and the way to it may take beyond the time that a request itself is given.
constexpr Duration kGrace = std::chrono::seconds(10);

template <class T>
Result<T> parse_answer(const std::string& body) {
  SNAP_ASSIGN(const nlohmann::json json, parse_json(body));
  return T::from_json(json);
}

std::string timeout_body(Duration timeout) {
  return print_json({{"timeout_ms", std::chrono::ceil<std::chrono::milliseconds>(timeout).count()}});
}

Result<void> check_name(const std::string& name) {
  if (!is_valid_name(name)) {
    return Error(ErrorKind::kInvalid, "workload name '" + name + "' is not 1 to 64 of [a-z0-9-]");
  }
  return {};
}

// Builds an ExecResult from the frames of the stream.
class ExecReader {
 public:
  ExecReader(std::size_t max_output, Client::OnOutput on_output)
      : max_output_(max_output), on_output_(std::move(on_output)) {}

  Result<void> take(std::string_view line) {
    SNAP_ASSIGN(const nlohmann::json json, parse_json(line));
    SNAP_ASSIGN(const ExecFrame frame, ExecFrame::from_json(json));
    if (ended_) return Error(ErrorKind::kInvalid, "a frame after the exit frame");
    switch (frame.event) {
      case ExecEvent::kStarted:
        return {};
      case ExecEvent::kStdout:
        return take_output(Client::Stream::kStdout, frame.data, result_.output);
      case ExecEvent::kStderr:
        return take_output(Client::Stream::kStderr, frame.data, result_.error_output);
      case ExecEvent::kExit:
        break;
    }
    ended_ = true;
    result_.end = frame.end;
    result_.timed_out = frame.timed_out;
    result_.recorded = frame.recorded;
    result_.error = frame.error;
    return {};
  }

  Result<ExecResult> finish(Duration duration) && {
    if (!ended_) return Error(ErrorKind::kInvalid, "agent: POST /exec: the answer has no exit frame");
    result_.duration = duration;
    return std::move(result_);
  }

 private:
  Result<void> take_output(Client::Stream stream, std::string_view data, std::string& kept) {
    const std::string_view fits = data.substr(0, max_output_ - kept.size());
    kept += fits;
    result_.dropped_bytes += data.size() - fits.size();
    if (on_output_) on_output_(stream, data);
    return {};
  }

  std::size_t max_output_;
  Client::OnOutput on_output_;
  ExecResult result_;
  bool ended_ = false;
};

// Hands findings on and keeps the report.
class CheckReader {
 public:
  explicit CheckReader(Client::OnFinding on_finding) : on_finding_(std::move(on_finding)) {}

  Result<void> take(std::string_view line) {
    if (report_) return Error(ErrorKind::kInvalid, "a line after the verdict");
    SNAP_ASSIGN(const nlohmann::json json, parse_json(line));
    if (json.is_object() && json.value("type", nlohmann::json()) == "finding") {
      SNAP_ASSIGN(Finding finding, Finding::from_json(json));
      if (on_finding_) on_finding_(std::move(finding));
      return {};
    }
    SNAP_ASSIGN(report_, CheckReport::from_json(json));
    return {};
  }

  Result<CheckReport> finish() && {
    if (!report_) return Error(ErrorKind::kInvalid, "agent: the check has no verdict");
    if (!report_->late.empty()) return Error(ErrorKind::kTimeout, printable(report_->late));
    return *std::move(report_);
  }

 private:
  Client::OnFinding on_finding_;
  std::optional<CheckReport> report_;
};

}  // namespace

Client::Client(asio::any_io_executor executor, std::filesystem::path door, ClientOptions options)
    : executor_(std::move(executor)), door_(std::move(door)), options_(options) {}

template <class T>
Async<T> Client::get(std::string path) {
  HttpCall call{"GET", std::move(path), ""};
  CO_SNAP_ASSIGN(const std::string body,
                 co_await call_for_body(executor_, door_, options_, std::move(call), options_.request_timeout));
  co_return parse_answer<T>(body);
}

Async<HealthReport> Client::health() { return get<HealthReport>("/health"); }

Async<Metrics> Client::metrics() { return get<Metrics>("/metrics"); }

Async<RandomDraws> Client::random_draws() { return get<RandomDraws>("/random"); }

Async<InitReport> Client::init(InitRequest request) {
  HttpCall call{"POST", "/init", print_json(request.to_json())};
  CO_SNAP_ASSIGN(const std::string body,
                 co_await call_for_body(executor_, door_, options_, std::move(call), options_.request_timeout));
  co_return parse_answer<InitReport>(body);
}

Async<void> Client::post(std::string path, std::string body, Duration limit) {
  HttpCall call{"POST", std::move(path), std::move(body)};
  auto answer = co_await call_for_body(executor_, door_, options_, std::move(call), limit);
  CO_SNAP_TRY(answer);
  co_return Result<void>();
}

Async<void> Client::set_clock(ClockRequest request) {
  return post("/clock", print_json(request.to_json()), options_.request_timeout);
}

Async<void> Client::prepare(PrepareRequest request) {
  return post("/snapshot/prepare", print_json(request.to_json()), request.timeout + kGrace);
}

Async<void> Client::undo_prepare() { return post("/snapshot/undo", "{}", options_.request_timeout); }

Async<void> Client::drop_page_cache() { return post("/snapshot/drop-page-cache", "{}", options_.request_timeout); }

Async<PortsReport> Client::ports() { return get<PortsReport>("/ports"); }

Async<void> Client::start_ports() { return post("/ports/start", "{}", options_.request_timeout); }

Async<void> Client::stop_ports() { return post("/ports/stop", "{}", options_.request_timeout); }

Async<void> Client::restart_ports() { return post("/ports/restart", "{}", options_.request_timeout); }

Async<ExecResult> Client::exec(ExecRequest request, OnOutput on_output) {
  const TimePoint start = SteadyClock::now();
  ExecReader reader(options_.max_output, std::move(on_output));
  const OnLine on_line = [&reader](std::string_view line) { return reader.take(line); };
  HttpCall call{"POST", "/exec", print_json(request.to_json())};
  const Duration limit = request.timeout + kGrace;
  CO_SNAP_TRY(co_await call_for_lines(executor_, door_, options_, std::move(call), limit, on_line));
  co_return std::move(reader).finish(SteadyClock::now() - start);
}

Async<WorkloadInfo> Client::start_workload(StartWorkload request) {
  HttpCall call{"POST", "/workloads/start", print_json(request.to_json())};
  const Duration limit = request.timeout + kGrace;
  CO_SNAP_ASSIGN(const std::string body, co_await call_for_body(executor_, door_, options_, std::move(call), limit));
  co_return parse_answer<WorkloadInfo>(body);
}

Async<CheckReport> Client::check_workload(std::string as, Duration silence, OnFinding on_finding) {
  CO_SNAP_TRY(check_name(as));
  CheckReader reader(std::move(on_finding));
  const OnLine on_line = [&reader](std::string_view line) { return reader.take(line); };
  HttpCall call{"POST", "/workloads/" + as + "/check", timeout_body(silence)};
  CO_SNAP_TRY(co_await call_for_lines(executor_, door_, options_, std::move(call), silence + kGrace, on_line));
  co_return std::move(reader).finish();
}

Async<WorkloadInfo> Client::stop_workload(std::string as, Duration timeout) {
  CO_SNAP_TRY(check_name(as));
  HttpCall call{"POST", "/workloads/" + as + "/stop", timeout_body(timeout)};
  const Duration limit = timeout + kGrace;
  CO_SNAP_ASSIGN(const std::string body, co_await call_for_body(executor_, door_, options_, std::move(call), limit));
  co_return parse_answer<WorkloadInfo>(body);
}

Async<PagesSetAside> Client::set_aside(std::string as, SetAside request) {
  CO_SNAP_TRY(check_name(as));
  HttpCall call{"POST", "/workloads/" + as + "/set-aside", print_json(request.to_json())};
  const Duration limit = request.timeout + kGrace;
  CO_SNAP_ASSIGN(const std::string body, co_await call_for_body(executor_, door_, options_, std::move(call), limit));
  co_return parse_answer<PagesSetAside>(body);
}

Async<void> Client::take_back(std::string as, TakeBack request) {
  CO_SNAP_TRY(check_name(as));
  auto done = co_await post("/workloads/" + as + "/take-back", print_json(request.to_json()), request.timeout + kGrace);
  co_return done;
}

Async<std::vector<WorkloadInfo>> Client::workloads() {
  HttpCall call{"GET", "/workloads", ""};
  CO_SNAP_ASSIGN(const std::string body,
                 co_await call_for_body(executor_, door_, options_, std::move(call), options_.request_timeout));
  CO_SNAP_ASSIGN(const nlohmann::json json, parse_json(body));
  JsonFields fields(json, "workloads");
  const nlohmann::json list = fields.any("workloads");
  CO_SNAP_TRY(fields.finish());
  std::vector<WorkloadInfo> result;
  for (const nlohmann::json& item : list) {
    CO_SNAP_ASSIGN(WorkloadInfo info, WorkloadInfo::from_json(item));
    result.push_back(std::move(info));
  }
  co_return result;
}

}  // namespace snaphammer::agent
