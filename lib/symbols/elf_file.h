// The functions of a program, from its ELF file (x86-64; https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html).
// Go's and Rust's programs have the same tables; a stripped one has none.
//
//   SNAP_ASSIGN(const ElfFile elf, ElfFile::read(bytes_of("workload-cpp-heap")));
//   SNAP_ASSIGN(const Symbol symbol, elf.symbols().find("malloc"));
//   elf.contents(symbol.address, 16);                // its first instructions, as they are in a process
//
// Addresses are the file's own. In a process of a position-independent program all are moved by the same distance: that
// of its entry, which the process has in its auxiliary vector (AT_ENTRY). Immutable; any thread. The file is not trusted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/symbols/symbol_table.h"

namespace snaphammer::symbols {

class ElfFile {
 public:
  /// kInvalid for what is no ELF file of an x86-64 program, or whose tables lead out of it.
  static Result<ElfFile> read(std::string bytes);

  const SymbolTable& symbols() const { return symbols_; }
  std::uint64_t entry() const { return entry_; }
  /// At most `length` bytes that the file has for `address`; fewer where they end, none where there are none.
  std::string contents(std::uint64_t address, std::size_t length) const;

 private:
  /// A part of the file that is mapped.
  struct Segment {
    std::uint64_t address;
    std::uint64_t offset;
    std::uint64_t length;
  };

  std::string bytes_;
  std::uint64_t entry_ = 0;
  std::vector<Segment> segments_;
  SymbolTable symbols_;
};

}  // namespace snaphammer::symbols
