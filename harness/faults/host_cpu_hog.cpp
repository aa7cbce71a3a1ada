// host.cpu_hog
#include <thread>

#include <pthread.h>

#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"

namespace snaphammer::faults {
namespace {

struct CpuHog {
  unsigned threads = 0;
};
void describe(Fields<CpuHog>& fields) {
  fields.add("threads", &CpuHog::threads, "How many compute without a pause; 0: one for each CPU of the host.")
      .between(0, 1024);
}

class Hog final : public FaultWith<CpuHog> {
 public:
  using FaultWith::FaultWith;
  ~Hog() override { stop(); }

  Async<void> begin(engine::RunContext&) override {
    const unsigned count = args().threads != 0 ? args().threads : std::max(1U, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        ::pthread_setname_np(::pthread_self(), "cpu-hog");
        while (!stopped_.load(std::memory_order_relaxed)) {
        }
      });
    }
    act();
    co_return Result<void>();
  }
  Async<void> heal(engine::RunContext&) override {
    stop();
    co_return Result<void>();
  }

 private:
  void stop() {
    stopped_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  std::atomic<bool> stopped_ = false;
  std::vector<std::thread> threads_;
};

const FaultRegistration<Hog> registration{"host.cpu_hog", "Threads of the worker use up the host's CPUs.",
                                          "host.cpu_hog, for: 5s, args: {threads: 2}", "they end"};

}  // namespace
}  // namespace snaphammer::faults
