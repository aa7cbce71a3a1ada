// What a ledger has entered, as it says itself.
//
//   CO_SNAP_ASSIGN(const std::vector<Nonce> record, co_await with_deadline(20s, "record", read_record(connect)));
#pragma once

#include <vector>

#include "harness/ledger/line_stream.h"
#include "harness/ledger/request.h"

namespace snaphammer::ledger {

/// In the order of execution. Connects again and again as long as nobody listens. kInvalid: it is no record.
Async<std::vector<Nonce>> read_record(Connect connect);

}  // namespace snaphammer::ledger
