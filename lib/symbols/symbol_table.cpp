#include "lib/symbols/symbol_table.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

#include <fmt/format.h>

namespace snaphammer::symbols {
namespace {

// How far behind the last symbol of unknown size an address still counts as in it.
constexpr std::uint64_t kReach = 1 << 20;

// Insertions, deletions and replacements that make one of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

SymbolTable::SymbolTable(std::vector<Symbol> symbols) : symbols_(std::move(symbols)) {
  std::sort(symbols_.begin(), symbols_.end(),
            [](const Symbol& a, const Symbol& b) { return std::tie(a.address, a.name) < std::tie(b.address, b.name); });
}

Result<Symbol> SymbolTable::find(std::string_view name) const {
  const Symbol* found = nullptr;
  for (const Symbol& symbol : symbols_) {
    if (symbol.name != name) continue;
    if (found != nullptr && found->address != symbol.address) {
      return Error(ErrorKind::kInvalid, fmt::format("symbol '{}' is there more than once: at {:#x}, at {:#x}", name,
                                                    found->address, symbol.address))
          .advise("name a function that calls it, or that it calls");
    }
    found = &symbol;
  }
  if (found != nullptr) return *found;
  Error unknown(ErrorKind::kInvalid, fmt::format("there is no function '{}'", name));
  const std::string other = nearest(name);
  if (other.empty()) return unknown;
  return std::move(unknown).advise("did you mean '" + other + "'?");
}

std::string SymbolTable::nearest(std::string_view name) const {
  std::string best;
  std::size_t least = name.size() / 2 + 1;  // What has little in common is no help.
  for (const Symbol& symbol : symbols_) {
    const std::size_t longer = std::max(symbol.name.size(), name.size());
    if (longer - std::min(symbol.name.size(), name.size()) >= least) continue;
    const std::size_t between = distance(name, symbol.name);
    if (between >= least) continue;
    least = between;
    best = symbol.name;
  }
  return best;
}

const Symbol* SymbolTable::at(std::uint64_t address) const {
  auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                [](std::uint64_t wanted, const Symbol& symbol) { return wanted < symbol.address; });
  if (after == symbols_.begin()) return nullptr;
  const std::uint64_t begin = std::prev(after)->address;
  const auto first = std::lower_bound(symbols_.begin(), after, begin, [](const Symbol& symbol, std::uint64_t wanted) {
    return symbol.address < wanted;
  });
  const std::uint64_t size = first->size != 0 ? first->size : kReach;
  return address - begin < size ? &*first : nullptr;
}

std::string SymbolTable::describe(std::uint64_t address) const {
  const Symbol* const symbol = at(address);
  if (symbol == nullptr) return fmt::format("{:#x}", address);
  if (address == symbol->address) return symbol->name;
  return fmt::format("{}+{:#x}", symbol->name, address - symbol->address);
}

}  // namespace snaphammer::symbols
