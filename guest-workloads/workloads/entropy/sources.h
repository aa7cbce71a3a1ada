// Where a program's random bytes come from: the kernel at each draw, or the kernel once and then arithmetic.
//
//   Sources sources;
//   sources.draw(Sources::kUuid);        // "6f1c0d6e-6a7e-4f0b-9d53-5f1e0d0b8a4c"
//   sources.reseed();                    // the generator, as a program has to do that finds itself in a clone
//
// One thread. The program ends, with a message, when the kernel gives nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace snaphammer::entropy {

class Sources {
 public:
  enum Source : std::size_t {
    kGetrandom,  ///< 16 bytes of getrandom(2), in hexadecimal.
    kUuid,       ///< A UUID of version 4 (RFC 4122), of getrandom(2) bytes.
    kGenerator,  ///< 16 bytes of the Mersenne Twister of the C++ library, in hexadecimal.
  };
  static constexpr std::array kNames = {"getrandom", "uuid", "generator"};

  Sources() { reseed(); }

  std::string draw(std::size_t source);
  void reseed();

  /// Where its state is, for who wants to put it back from outside.
  const void* generator() const { return &generator_; }
  static constexpr std::size_t kGeneratorBytes = sizeof(std::mt19937_64);

 private:
  std::mt19937_64 generator_;
};

}  // namespace snaphammer::entropy
