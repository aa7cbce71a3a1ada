// A ring, its driver in the guest, and the verbs of both.
#pragma once

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "lib/interposer/testing/fake_driver.h"
#include "lib/interposer/vring.h"

namespace snaphammer::interposer::testing {

class Rings {
 public:
  explicit Rings(FakeDriver::Options options = {}) : driver(guest, options) { start(driver.setup()); }

  void start(const VringSetup& setup) {
    ASSERT_EQ(Vring::check(setup, guest.memory()), nullptr);
    ring.emplace(setup, guest.memory(), DirtyLog());
    ring->start();
  }

  /// The device takes the next chain, gives it back with `written`, and returns its head.
  std::optional<std::uint16_t> serve(std::uint32_t written = 0) {
    Chain chain;
    if (ring->next(chain) != Vring::Next::kChain) return std::nullopt;
    ring->complete(chain, written);
    std::optional<FakeDriver::Used> used = driver.reclaim();
    EXPECT_TRUE(used && used->written == written);
    return used->head;
  }

  /// What the device reads in the next chain.
  std::string read_next() {
    Chain chain;
    if (ring->next(chain) != Vring::Next::kChain) return "(none)";
    std::string bytes(chain.readable_bytes(), '\0');
    ring->gather(chain.readable(), 0, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }

  FakeGuest guest{{{0, 0x20000}, {0x20000, 0x1000}, {0x40000, 0x1000}}};
  FakeDriver driver;
  std::optional<Vring> ring;
};

}  // namespace snaphammer::interposer::testing
