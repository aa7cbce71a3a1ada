#include "guest-workloads/agent/random.h"

#include <set>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace snaphammer::guest {
namespace {

using agent::RandomDraws;

TEST(Random, EachDrawIsNewAndComesThroughTheProtocol) {
  std::set<std::string> all;
  for (int i = 0; i < 2; ++i) {
    const RandomDraws draws = draw().value();
    ASSERT_EQ(draws.values.size(), RandomDraws::kCount);
    all.insert(draws.values.begin(), draws.values.end());
    EXPECT_EQ(RandomDraws::from_json(draws.to_json()).value().values, draws.values);
  }
  EXPECT_EQ(all.size(), 2 * RandomDraws::kCount);
}

TEST(Random, WhatIsNoDrawIsRefused) {
  nlohmann::json draws = draw().value().to_json();
  EXPECT_TRUE(RandomDraws::from_json(draws));
  for (const char* wrong : {"", "0123", "0123456789abcdef0123456789abcdeg"}) {
    draws["values"][7] = wrong;
    EXPECT_FALSE(RandomDraws::from_json(draws)) << wrong;
  }
  draws["values"] = nlohmann::json::array();
  EXPECT_FALSE(RandomDraws::from_json(draws));
}

}  // namespace
}  // namespace snaphammer::guest
