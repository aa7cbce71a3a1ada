#include "harness/ledger/record.h"

#include <fmt/format.h>

namespace snaphammer::ledger {
namespace {

constexpr std::size_t kMost = 4'000'000;
/// Nothing tells when a port in the guest begins to be listened on.
constexpr Duration kAskAgain = std::chrono::milliseconds(100);

Async<Stream> connect_until_taken(Connect connect) {
  for (;;) {
    auto connected = co_await connect();
    if (connected || connected.error().kind() != ErrorKind::kGone) co_return connected;
    CO_SNAP_TRY(co_await wait_for(kAskAgain));
  }
}

}  // namespace

Async<std::vector<Nonce>> read_record(Connect connect) {
  CO_SNAP_ASSIGN(Stream socket, co_await connect_until_taken(std::move(connect)));
  LineStream lines(std::move(socket));
  CO_SNAP_TRY(co_await lines.write("record\n"));
  std::vector<Nonce> record;
  for (;;) {
    CO_SNAP_ASSIGN(const std::string line, co_await lines.read());
    if (line == fmt::format("end {}", record.size())) co_return record;
    const std::string expected = fmt::format("entry {} ", record.size() + 1);
    const bool is_entry = line.starts_with(expected) && line.size() > expected.size() &&
                          line.find_first_not_of("0123456789", expected.size()) == std::string::npos;
    if (!is_entry || record.size() == kMost) {
      co_return Error(ErrorKind::kInvalid, "the ledger's record goes on with '" + line + "' instead of '" + expected);
    }
    record.push_back(std::strtoull(line.c_str() + expected.size(), nullptr, 10));
  }
}

}  // namespace snaphammer::ledger
