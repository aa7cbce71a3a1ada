// What a request to a ledger is called: a nonce, which says who asks and for the how manieth time. A client that tries
// again uses the same one.
#pragma once

#include <cstdint>

namespace snaphammer::ledger {

using Nonce = std::uint64_t;

/// Both count from 1.
struct Request {
  std::uint32_t client = 0;
  std::uint32_t number = 0;

  Nonce nonce() const { return std::uint64_t{client} << 32 | number; }
  static Request of(Nonce nonce) {
    return {static_cast<std::uint32_t>(nonce >> 32), static_cast<std::uint32_t>(nonce)};
  }
};

}  // namespace snaphammer::ledger
