#include "guest-workloads/agent/ports/listening_ports.h"

#include <cstdlib>
#include <fstream>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/base/testing/temporary_directory.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::guest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kHeading[] = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";

class ListeningPorts : public testing::Test {
 protected:
  void tcp(const std::string& lines) { std::ofstream(directory / "tcp") << kHeading << lines; }
  void tcp6(const std::string& lines) { std::ofstream(directory / "tcp6") << kHeading << lines; }
  std::vector<std::string> found() {
    const std::vector<ListeningPort> ports = listening_ports(directory).value();
    std::vector<std::string> addresses;
    for (const ListeningPort& port : ports) addresses.push_back(port.address);
    return addresses;
  }

  TemporaryDirectory directory;
};

TEST_F(ListeningPorts, AreThoseOfAnyAddressInAscendingOrder) {
  tcp("   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n"
      "   1: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0\n");
  EXPECT_THAT(found(), ElementsAre("TCP4:127.0.0.1:22", "TCP4:127.0.0.1:8080"));
}

TEST_F(ListeningPorts, AreNotConnectionsInOtherStates) {
  tcp("   0: 0100007F:0016 0100007F:90F4 01 0:0\n   1: 0100007F:0017 0100007F:90F4 06 0:0\n");
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(ListeningPorts, OfProtocol6AreReachedThereWhenNobodyListensOn4) {
  tcp6(
      "   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0\n"
      "   1: 00000000000000000000000000000000:0051 00000000000000000000000000000000:0000 0A 0:0\n"
      "   2: 0000000000000000FFFF00000100007F:0052 00000000000000000000000000000000:0000 0A 0:0\n");
  EXPECT_THAT(found(), ElementsAre("TCP6:[::1]:80", "TCP6:[::1]:81", "TCP4:127.0.0.1:82"));
}

TEST_F(ListeningPorts, OfBothAreOneOn4) {
  tcp("   0: 00000000:0050 00000000:0000 0A 0:0\n");
  tcp6("   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0\n");
  EXPECT_THAT(found(), ElementsAre("TCP4:127.0.0.1:80"));
}

TEST_F(ListeningPorts, OfAnotherAddressAreReachedThereUnlessLoopbackServes) {
  tcp("   0: 0A00020F:0050 00000000:0000 0A 0:0\n   1: 0100007F:0050 00000000:0000 0A 0:0\n"
      "   2: 0F02000A:0051 00000000:0000 0A 0:0\n");
  tcp6("   0: 000080FE00000000FF005450A6C6EFFE:0052 0:0 0A 0:0\n");
  EXPECT_THAT(found(), ElementsAre("TCP4:127.0.0.1:80", "TCP4:10.0.2.15:81", "TCP6:[fe80::5054:ff:feef:c6a6]:82"));
}

TEST_F(ListeningPorts, OfLinesThatAreNotAsTheyShouldBeAreNone) {
  const std::string good = "   9: 0100007F:0016 00000000:0000 0A 0:0\n";
  for (const std::string line : {
           "0: 0100007F:0000 00000000:0000 0A",    // port 0
           "0: 0100007F:10000 00000000:0000 0A",   // more than 16 bits
           "0: 0100007F: 00000000:0000 0A",        // none
           "0: 0100007F 00000000:0000 0A",         // no colon
           "0: 0100007F:0050:1 00000000:0000 0A",  // two
           "0: 0100007G:0050 00000000:0000 0A",    // not hexadecimal
           "0: 0100007:0050 00000000:0000 0A",     // too short for an address
           "0: 0100007F00:0050 00000000:0000 0A",  // neither 4 nor 6
           "0: 0100007F:-050 00000000:0000 0A",    // a sign
           "0: 0100007F:0050 00000000:0000",       // no state
           "0: 0100007F:0050",
           "",
       }) {
    tcp(line + "\n" + good);
    EXPECT_THAT(found(), ElementsAre("TCP4:127.0.0.1:22")) << line;
  }
}

TEST_F(ListeningPorts, AreReadWhateverBytesAreBetween) {
  tcp(std::string("\0\xff\n", 3) + std::string(100'000, 'x') + "\n   9: 0100007F:0016 0:0 0A 0:0\n");
  EXPECT_THAT(found(), ElementsAre("TCP4:127.0.0.1:22"));
}

TEST_F(ListeningPorts, AreNoneWithoutTables) { EXPECT_THAT(found(), IsEmpty()); }

TEST_F(ListeningPorts, ThatCannotBeReadAreAnError) {
  std::filesystem::create_directory(directory / "tcp");
  EXPECT_FALSE(listening_ports(directory));
}

TEST(ListeningPortsOfThisMachine, HaveOneThatIsListenedOn) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(socket.get(), generic, length), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  ASSERT_EQ(::getsockname(socket.get(), generic, &length), 0);
  const std::uint16_t port = ntohs(address.sin_port);
  EXPECT_THAT(listening_ports("/proc/net").value(),
              testing::Contains(ListeningPort{port, "TCP4:127.0.0.1:" + std::to_string(port)}));
}

}  // namespace
}  // namespace snaphammer::guest
