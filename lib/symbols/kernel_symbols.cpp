#include "lib/symbols/kernel_symbols.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

namespace snaphammer::symbols {
namespace {

constexpr std::string_view kFunctionTypes = "tTwW";

// What comes before the next blank; it and the blank are taken from `line`.
std::string_view word(std::string_view& line) {
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view taken = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return taken;
}

}  // namespace

Result<SymbolTable> read_kallsyms(std::string_view text) {
  std::vector<Symbol> symbols;
  bool hidden = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string shown(line.substr(0, 80));
    const std::string_view digits = word(line);
    const std::string_view type = word(line);
    const std::string_view name = word(line);
    Symbol symbol{.address = 0, .size = 0, .name = std::string(name)};
    const char* const last = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), last, symbol.address, 16);
    if (error != std::errc() || stopped != last || type.size() != 1 || name.empty()) {
      return Error(ErrorKind::kInvalid, "kernel symbols: not a line of /proc/kallsyms: '" + shown + "'");
    }
    hidden = hidden && symbol.address == 0;
    if (kFunctionTypes.find(type.front()) != std::string_view::npos) symbols.push_back(std::move(symbol));
  }
  if (symbols.empty()) return Error(ErrorKind::kInvalid, "kernel symbols: the list names no function");
  if (hidden) {
    return Error(ErrorKind::kUnfit, "kernel symbols: the guest's kernel hides the addresses of its functions")
        .advise("let kernel.kptr_restrict be 0 in the guest");
  }
  return SymbolTable(std::move(symbols));
}

}  // namespace snaphammer::symbols
