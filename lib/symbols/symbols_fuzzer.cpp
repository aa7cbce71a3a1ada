// Fuzzes both readers of symbols: the input is a program's file, and a kernel's list of symbols.
#include <cstdint>
#include <string>

#include "lib/symbols/elf_file.h"
#include "lib/symbols/kernel_symbols.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace snaphammer::symbols;
  const std::string input(reinterpret_cast<const char*>(data), size);
  if (const auto elf = ElfFile::read(input)) {
    for (const Symbol& symbol : elf->symbols().symbols()) static_cast<void>(elf->contents(symbol.address, 16));
    static_cast<void>(elf->symbols().describe(elf->entry()));
  }
  if (const auto kernel = read_kallsyms(input)) static_cast<void>(kernel->describe(0xffffffff81000000));
  return 0;
}
