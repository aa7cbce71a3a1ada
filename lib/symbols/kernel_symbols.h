// A kernel's own list of its symbols, /proc/kallsyms: "ffffffff812e88a0 T __alloc_pages", one per line, and for those of
// modules " [vsock]" after it (https://docs.kernel.org/admin-guide/sysctl/kernel.html#kptr-restrict: addresses read as 0
// without the right to see them).
#pragma once

#include <string_view>

#include "lib/base/result.h"
#include "lib/symbols/symbol_table.h"

namespace snaphammer::symbols {

/// Its functions (types t, T, w, W). kInvalid for text that is no such list, kUnfit when the kernel hid the addresses.
Result<SymbolTable> read_kallsyms(std::string_view text);

}  // namespace snaphammer::symbols
