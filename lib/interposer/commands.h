// What the worker tells a running QEMU to do (wire.h: Command, Reply).
#pragma once

#include "lib/interposer/ram.h"

namespace snaphammer::interposer {

/// Answers each Command on `socket` with a Reply until the worker closes its end. A message that is no
/// Command ends QEMU. For a thread of its own: a removal lasts until the page server has seen it.
void serve_commands(int socket, Ram& ram);

}  // namespace snaphammer::interposer
