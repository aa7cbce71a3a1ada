// Exact stops of real guests under real QEMU.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/symbols/elf_file.h"
#include "lib/vmm/testing/test_machine.h"

namespace snaphammer::vmm {
namespace {

using namespace std::chrono_literals;

const symbols::ElfFile& ticking_init() {
  static const symbols::ElfFile kFile = [] {
    std::ifstream file(SNAPHAMMER_TICKING_INIT, std::ios::binary);
    return symbols::ElfFile::read({std::istreambuf_iterator<char>(file), {}}).value();
  }();
  return kFile;
}

// Where the init writes what it says.
std::uint64_t place() { return ticking_init().symbols().find("write").value().address; }

class FreezeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = TestMachine::unavailable(); !reason.empty()) {
      GTEST_SKIP() << "no guest image: " << reason;
    }
    machine_.emplace();
    vm_ = machine_->start_from_base();
  }

  template <class T>
  T good(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().describe());
    if constexpr (!std::is_void_v<T>) return *std::move(result);
  }
  void resume() { good(machine_->run(vm_->resume())); }
  FreezeHit freeze_at(FreezePoint point) { return good(machine_->run(vm_->freeze_at(std::move(point)))); }
  VcpuState vcpu(unsigned number) { return good(machine_->run(vm_->vcpus({}))).at(number); }
  // The count that the init is about to write, by its memory; 0 when it writes none of those that may be. The console tells
  // only what has left the guest's terminal, which a vCPU does in its own time.
  std::size_t count_at_place(unsigned vcpu_there) {
    constexpr std::size_t kMostCounts = 100;
    constexpr std::size_t kRsi = 4;  // write(2)'s second argument.
    const std::uint64_t buffer = vcpu(vcpu_there).general.at(kRsi);
    std::vector<MemoryBytes> counts;
    for (std::size_t count = 1; count <= kMostCounts; ++count) {
      counts.push_back({.address = buffer, .bytes = fmt::format("tick {}\n", count)});
    }
    const auto seen = good(machine_->run(vm_->vcpus(std::move(counts)))).at(vcpu_there).sees;
    return seen ? *seen + 1 : 0;
  }
  std::filesystem::path state() { return machine_->path("vmstate"); }

  std::optional<TestMachine> machine_;
  std::unique_ptr<Vm> vm_;
};

TEST_F(FreezeTest, StopsExactlyThere) {
  resume();
  const FreezeHit hit = freeze_at({.address = place()});
  EXPECT_EQ(hit.hits, 1u);
  EXPECT_EQ(vcpu(hit.vcpu).rip, place());
}

TEST_F(FreezeTest, StopsAtTheHitThatIsAskedFor) {
  resume();
  const std::size_t before = count_at_place(freeze_at({.address = place()}).vcpu);
  EXPECT_NE(before, 0u);
  const FreezeHit hit = freeze_at({.address = place(), .hit = 4});
  EXPECT_EQ(hit.hits, 4u);
  // It stood there, which is the first time; to come there three times more it wrote three ticks.
  EXPECT_EQ(count_at_place(hit.vcpu), before + 3);
  EXPECT_EQ(vcpu(hit.vcpu).rip, place());
}

TEST_F(FreezeTest, GoesOnByTheStepsThatAreAskedFor) {
  resume();
  const FreezeHit there = freeze_at({.address = place()});
  const std::uint64_t stack = vcpu(there.vcpu).general[7];
  std::uint64_t last = place();
  for (const std::uint64_t steps : {1, 2, 3}) {
    const FreezeHit hit = freeze_at({.address = place(), .then_steps = steps});
    const VcpuState stands = vcpu(hit.vcpu);
    EXPECT_GT(stands.rip, last);
    EXPECT_LT(stands.rip, place() + 64);
    EXPECT_NEAR(static_cast<double>(stands.general[7]), static_cast<double>(stack), 64);
    last = stands.rip;
  }
}

TEST_F(FreezeTest, CountsOnlyWhereTheVcpuSeesTheBytes) {
  resume();
  const MemoryBytes code{.address = place(), .bytes = ticking_init().contents(place(), 16)};
  EXPECT_EQ(freeze_at({.address = place(), .seen = {code}}).elsewhere, 0u);
  const MemoryBytes other{.address = place(), .bytes = "not what is there"};
  const FreezePoint nowhere{.address = place(), .seen = {other}};
  const auto waited = machine_->run(with_deadline(2s, "freeze", vm_->freeze_at(nowhere)));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().kind(), ErrorKind::kTimeout);
}

TEST_F(FreezeTest, LetsTheGuestGoOnAfterwards) {
  resume();
  freeze_at({.address = place(), .then_steps = 5});
  resume();
  machine_->expect_ticking_on();
}

TEST_F(FreezeTest, LetsTheGuestGoOnWhenItIsCancelled) {
  resume();
  constexpr std::uint64_t kNever = 0x500000000000;
  const auto waited = machine_->run(with_deadline(1s, "freeze", vm_->freeze_at({.address = kNever})));
  EXPECT_EQ(waited.error().kind(), ErrorKind::kTimeout);
  machine_->expect_ticking_on();
  EXPECT_EQ(vcpu(freeze_at({.address = place()}).vcpu).rip, place());
}

TEST_F(FreezeTest, ASavedGuestStandsThereAndGoesOnFromThere) {
  resume();
  const FreezeHit hit = freeze_at({.address = place(), .hit = 2, .then_steps = 3});
  const VcpuState before = vcpu(hit.vcpu);
  good(machine_->run(vm_->save_state(state())));
  vm_ = machine_->start_for_restore(read_ram(vm_->ram()));
  good(machine_->run(vm_->load(state())));
  const VcpuState after = vcpu(hit.vcpu);
  EXPECT_EQ(after.rip, before.rip);
  EXPECT_EQ(after.general, before.general);
  resume();
  machine_->expect_ticking_on();
}

TEST_F(FreezeTest, TellsInWhoseMemoryAVcpuIs) {
  resume();
  const FreezeHit hit = freeze_at({.address = place()});
  const MemoryBytes own{.address = place(), .bytes = ticking_init().contents(place(), 16)};
  const MemoryBytes other{.address = place(), .bytes = "not what is there"};
  const auto sees = [&](std::vector<MemoryBytes> memories) {
    return good(machine_->run(vm_->vcpus(std::move(memories)))).at(hit.vcpu).sees;
  };
  EXPECT_EQ(sees({other, own}), 1u);
  EXPECT_EQ(sees({other}), std::nullopt);
}

TEST_F(FreezeTest, KnowsWhoHasCalled) {
  resume();
  const FreezeHit hit = freeze_at({.address = place()});
  const VcpuState stands = vcpu(hit.vcpu);
  const auto in_main = [](std::uint64_t address) {
    return ticking_init().symbols().describe(address).starts_with("main+");
  };
  EXPECT_TRUE(std::any_of(stands.return_addresses.begin(), stands.return_addresses.end(), in_main));
}

}  // namespace
}  // namespace snaphammer::vmm
