// libFuzzer: guests that misuse their rings (testing/hostile_guest.h).
#include <cstddef>
#include <cstdint>

#include "lib/interposer/testing/hostile_guest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace snaphammer::interposer::testing;
  play(decode_hostile_guest({data, size}));
  return 0;
}
