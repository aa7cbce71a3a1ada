// connect: {as: c1, via: proxy, port: 8080, must: die}
#include "harness/scenario/step.h"
#include "harness/steps/spaces.h"

namespace snaphammer::steps {
namespace {

using scenario::Choices;
using scenario::Fields;

enum class Via { kProxy, kVsock };
void describe(Choices<Via>& words) {
  words.add(Via::kProxy, "proxy", "a TCP port of the guest, through its port forwarder");
  words.add(Via::kVsock, "vsock", "a vsock port of the guest, directly");
}

enum class Must { kLive, kDie };
void describe(Choices<Must>& words) {
  words.add(Must::kLive, "live", "a connection that ends is a finding");
  words.add(Must::kDie, "die", "a connection that outlives the next snapshot or restore is a finding");
}

struct Connect {
  std::string as = "connection";
  Via via = Via::kProxy;
  unsigned port = 0;
  unsigned count = 1;
  Must must = Must::kLive;
};

void describe(Fields<Connect>& fields) {
  fields.add("as", &Connect::as, "What reports call it.")
      .matching("[A-Za-z0-9][A-Za-z0-9_-]*", "a name of letters, digits, - and _")
      .declares(kConnections);
  fields.add("via", &Connect::via, "How the guest is reached.");
  fields.add("port", &Connect::port, "The port in the guest.").required().between(1, 65535);
  fields.add("count", &Connect::count, "How many connections.").between(1, 1000);
  fields.add("must", &Connect::must, "What is right.");
}

const scenario::StepRegistration<Connect> registration{"connect", "Opens connections that must live or die.",
                                                       "connect: {as: c1, via: proxy, port: 8080, must: die}"};

}  // namespace
}  // namespace snaphammer::steps
