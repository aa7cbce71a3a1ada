#include "lib/sandbox/output_port.h"

#include <gtest/gtest.h>

namespace snaphammer::sandbox {
namespace {

using nlohmann::json;

vsock::ConnectionInfo connection(vsock::Initiator initiator, std::uint32_t guest_port, std::uint32_t host_port) {
  vsock::ConnectionInfo info;
  info.initiator = initiator;
  info.guest_port = guest_port;
  info.host_port = host_port;
  return info;
}

TEST(OutputPort, IsKeptWithTheSnapshot) {
  json metadata = {{"kernel", "6.1"}};
  note_output_port(metadata,
                   {connection(vsock::Initiator::kGuest, 70, 1025), connection(vsock::Initiator::kGuest, 71, 1025),
                    connection(vsock::Initiator::kGuest, 72, 9), connection(vsock::Initiator::kHost, 1024, 1025)});
  EXPECT_EQ(noted_output_port(metadata), 71u) << "the latest of those that the guest opened to the output port";
  EXPECT_EQ(metadata["kernel"], "6.1");
}

TEST(OutputPort, OfAGuestWithoutOneNothingIsKept) {
  json metadata = json::object();
  note_output_port(metadata, {});
  EXPECT_EQ(noted_output_port(metadata), std::nullopt);
}

TEST(OutputPort, WhatIsNoPortIsNotTakenForOne) {
  for (const json& noted : {json("71"), json(-1), json(1.5), json(1ULL << 32), json(nullptr)}) {
    EXPECT_EQ(noted_output_port({{"output_port", noted}}), std::nullopt) << noted;
  }
  EXPECT_EQ(noted_output_port(json()), std::nullopt);
}

}  // namespace
}  // namespace snaphammer::sandbox
