// How large the balloon gets before a freeze (balloon.h).
#pragma once

#include <optional>

#include "lib/base/units.h"

namespace snaphammer::sandbox {

struct PauseBalloon {
  bool inflate = true;
  std::optional<ByteCount> size = {};  ///< Nothing: what a quiesced guest can spare.
};

}  // namespace snaphammer::sandbox
