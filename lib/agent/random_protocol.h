// GET /random: what the guest's kernel gives when it is asked for random bytes, many times a few.
//
//   CO_SNAP_ASSIGN(const RandomDraws draws, co_await client.random_draws());
//
// Guests whose kernels go on from one state draw the same, perhaps some draws earlier or later. from_json() is strict.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lib/base/result.h"

namespace snaphammer::agent {

struct RandomDraws {
  static constexpr std::size_t kCount = 64;
  static constexpr std::size_t kBytes = 16;  ///< Of one draw: one step of the kernel's generator.

  std::vector<std::string> values;  ///< In hexadecimal, kCount of them, in the order in which they were drawn.

  nlohmann::json to_json() const;
  static Result<RandomDraws> from_json(const nlohmann::json& json);
};

}  // namespace snaphammer::agent
