#include "harness/engine/image_symbols.h"

#include "harness/engine/guest_symbols.h"
#include "lib/symbols/elf_file.h"
#include "lib/symbols/kernel_symbols.h"

namespace snaphammer::engine {
namespace {

Result<symbols::SymbolTable> read_table(const std::filesystem::path& image, const std::string& program) {
  if (program == kKernel) {
    SNAP_ASSIGN(const std::string text, read_file(image / "kallsyms"));
    return symbols::read_kallsyms(text);
  }
  SNAP_ASSIGN(std::string bytes, read_file(image / "symbols" / program));
  SNAP_ASSIGN(const symbols::ElfFile file, symbols::ElfFile::read(std::move(bytes)));
  return file.symbols();
}

}  // namespace

const std::optional<symbols::SymbolTable>& ImageSymbols::table_of(const std::string& program) const {
  const auto [entry, is_new] = tables_.try_emplace(program);
  if (is_new) {
    // What is wrong with the image is for the run that uses it.
    if (auto table = read_table(image_, program)) entry->second = *std::move(table);
  }
  return entry->second;
}

Result<void> ImageSymbols::expect(const std::string& program, const std::string& symbol) const {
  const std::optional<symbols::SymbolTable>& table = table_of(program);
  if (!table) return {};
  auto found = table->find(symbol);
  if (!found) return std::move(found).error().in(program == kKernel ? "the guest's kernel" : "workload " + program);
  return {};
}

}  // namespace snaphammer::engine
