// connect: {as: c1, via: proxy, port: 8080, must: die}
#include <algorithm>

#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"
#include "lib/vsock/door_client.h"

namespace snaphammer::scenario {

void describe(Choices<engine::Must>& words) {
  words.add(engine::Must::kLive, "live", "a connection that ends is the finding connection-lost");
  words.add(
      engine::Must::kDie, "die",
      "a connection that is open after the next snapshot or restore is the finding hang: its client waits in vain");
}

}  // namespace snaphammer::scenario

namespace snaphammer::steps {
namespace {

using engine::Must;
using scenario::Choices;
using scenario::Course;
using scenario::Fields;
using scenario::kConnections;

/// For a program that was just started in the guest, and for its port's forwarder; a `timeout` of the step is another.
constexpr Duration kListenLimit = std::chrono::seconds(20);
/// Nothing tells when a port in the guest begins to be listened on.
constexpr Duration kAskAgain = std::chrono::milliseconds(100);
/// A guest that says nothing for so long is silent, however little is left of the limit.
constexpr Duration kAnswerLimit = std::chrono::seconds(1);

enum class Via { kProxy, kVsock };
void describe(Choices<Via>& words) {
  words.add(Via::kProxy, "proxy", "a TCP port of the guest, through the host's proxy and the guest's port forwarder");
  words.add(Via::kVsock, "vsock", "a vsock port of the guest, directly");
}

struct Connect {
  std::string as = "connection";
  Via via = Via::kProxy;
  unsigned port = 0;
  unsigned count = 1;
  Must must = Must::kLive;
};

void describe(Fields<Connect>& fields) {
  fields.add("as", &Connect::as, "What reports call it.")
      .matching("[A-Za-z0-9][A-Za-z0-9_-]*", "a name of letters, digits, - and _")
      .declares(kConnections);
  fields.add("via", &Connect::via, "How the guest is reached.");
  fields
      .add("port", &Connect::port,
           "The port in the guest. Whatever listens there may say what it likes: a connection is live until its end or "
           "a reset comes from the other side.")
      .required()
      .between(1, 65535);
  fields.add("count", &Connect::count, "How many connections.").between(1, 1000);
  fields.add("must", &Connect::must, "What is right.");
}

void follow(const Connect&, Course& course) { course.needs_healthy(); }

/// Returns when the guest takes a connection on vsock port `port`. kUnavailable: it has refused until `limit` has passed.
/// kTimeout: it does not answer.
Async<void> await_listener(std::filesystem::path door, std::uint32_t port, Duration limit) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const TimePoint end = SteadyClock::now() + limit;
  for (;;) {
    const Duration patience = std::max<Duration>(end - SteadyClock::now(), kAnswerLimit);
    auto tried = co_await with_deadline(patience, "connect", vsock::connect_through(executor, door, port));
    if (tried) co_return Result<void>();
    if (tried.error().kind() != ErrorKind::kGone) co_return std::move(tried).error();
    if (SteadyClock::now() + kAskAgain > end) {
      co_return Error(ErrorKind::kUnavailable, "nothing has listened there for " + format_duration(limit))
          .advise("start a program that listens there first");
    }
    CO_SNAP_TRY(co_await wait_for(kAskAgain));
  }
}

Async<void> execute(const Connect& options, std::optional<Duration> timeout, engine::RunContext& run) {
  CO_SNAP_TRY(co_await run.await_up());
  if (run.sandbox().state() != sandbox::State::kRunning) {
    co_return Error(ErrorKind::kRefused, fmt::format("connect: the guest is {}", name_of(run.sandbox().state())))
        .advise("connect while it runs");
  }
  const std::filesystem::path door = run.sandbox().paths().door();
  const std::uint32_t port = options.via == Via::kProxy ? agent::kForwardedPorts + options.port : options.port;
  Async<void> listening_guest =
      run.sandbox().incarnation()->unless_failed(await_listener(door, port, timeout.value_or(kListenLimit)));
  auto listening = co_await std::move(listening_guest);
  if (!listening && run.sandbox().failure()) co_return run.fail("unhealthy", listening.error());
  if (!listening) {
    const Error error = listening.error().in(fmt::format("port {} of the guest takes no connection", options.port));
    if (error.kind() == ErrorKind::kTimeout) co_return run.fail("hang", error);
    co_return error;
  }
  engine::HoldTarget target = engine::VsockTarget{door, port};
  if (options.via == Via::kProxy) {
    CO_SNAP_ASSIGN(const proxy::ListenAddress address, run.sandbox().proxied(port));
    target = engine::TcpTarget{address.port};
  }
  for (unsigned i = 0; i < options.count; ++i) {
    Async<void> opening = run.connections().open({.as = options.as, .must = options.must}, target);
    CO_SNAP_TRY(co_await with_deadline(kListenLimit, "connect", std::move(opening)));
  }
  co_return Result<void>();
}

const scenario::StepRegistration<Connect> registration{"connect", "Opens connections that must live or die.",
                                                       "connect: {as: c1, via: proxy, port: 8080, must: die}"};

}  // namespace
}  // namespace snaphammer::steps
