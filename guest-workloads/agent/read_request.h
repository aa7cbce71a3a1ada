// The body of a request as the value that it stands for.
//
//   const Result<PrepareRequest> request = read_request<PrepareRequest>(exchange);
//
// kInvalid, with what is wrong and where, for a body that is no JSON or not what Request::from_json() takes.
#pragma once

#include "guest-workloads/agent/exchange.h"
#include "lib/agent/json_fields.h"

namespace snaphammer::guest {

template <class Request>
Result<Request> read_request(const Exchange& exchange) {
  SNAP_ASSIGN(const nlohmann::json json, agent::parse_json(exchange.request().body()));
  return Request::from_json(json);
}

}  // namespace snaphammer::guest
