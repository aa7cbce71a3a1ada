// The functions of a program or kernel: addresses by name, names by address.
//
//   SymbolTable table({{.address = 0xffffffff812e88a0, .size = 0, .name = "__alloc_pages"}, ...});
//   SNAP_ASSIGN(const Symbol symbol, table.find("__alloc_pages"));   // an error names the nearest: "did you mean ..."
//   table.describe(0xffffffff812e88a3);                              // "__alloc_pages+0x3"
//
// Immutable; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace snaphammer::symbols {

struct Symbol {
  std::uint64_t address = 0;
  std::uint64_t size = 0;  ///< In bytes; 0 where it is not known: up to the next symbol.
  std::string name;
};

class SymbolTable {
 public:
  SymbolTable() = default;
  explicit SymbolTable(std::vector<Symbol> symbols);

  /// kInvalid, with the nearest name as its advice, when there is none; and when there are several of that name at
  /// different addresses, as local functions can be.
  Result<Symbol> find(std::string_view name) const;
  /// The symbol that `address` is in; null outside all of them. Of several at one address, the first by name.
  const Symbol* at(std::uint64_t address) const;
  /// "name+0x3", "name" at its beginning, "0x401000" outside all symbols.
  std::string describe(std::uint64_t address) const;

  const std::vector<Symbol>& symbols() const { return symbols_; }
  bool empty() const { return symbols_.empty(); }

 private:
  std::string nearest(std::string_view name) const;

  std::vector<Symbol> symbols_;  // By address, then by name.
};

}  // namespace snaphammer::symbols
