// Base64 (RFC 4648 section 4, padded) for bytes inside JSON.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace snaphammer::agent {

std::string base64_encode(std::string_view bytes);

/// Exactly what base64_encode() writes; anything else (spaces, missing padding, stray bits) is
/// kInvalid.
Result<std::string> base64_decode(std::string_view text);

}  // namespace snaphammer::agent
