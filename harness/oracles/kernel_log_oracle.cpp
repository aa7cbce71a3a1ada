// kernel-log: the guest's kernel must not complain.
#include <fstream>
#include <iterator>

#include "harness/engine/run_context.h"
#include "harness/oracles/kernel_log.h"
#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {
namespace {

class KernelLog final : public Oracle {
 public:
  Async<void> check(engine::RunContext& run) override {
    std::ifstream console(run.sandbox().paths().console_log(), std::ios::binary);
    if (!console) co_return Result<void>();  // No guest has been started.
    const std::string log(std::istreambuf_iterator<char>(console), {});
    const std::vector<KernelFault> faults = find_kernel_faults(log);
    for (; reported_ < faults.size(); ++reported_) {
      const KernelFault& fault = faults[reported_];
      run.report({.id = "kernel-fault",
                  .oracle = kKernelLog,
                  .message = fault.kind + ": " + fault.line,
                  .evidence = {{"kind", fault.kind}, {"log", fault.excerpt}}});
    }
    co_return Result<void>();
  }

 private:
  std::size_t reported_ = 0;
};

const OracleRegistration<KernelLog> kRegistration{
    {kKernelLog, "Reads the guest kernel's log for bugs, oopses, stalls and panics.", {"kernel-fault"}}};

}  // namespace
}  // namespace snaphammer::oracles
