#include "lib/symbols/elf_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <elf.h>

namespace snaphammer::symbols {
namespace {

constexpr std::size_t kMaxSymbols = 4'000'000;

Error malformed(const std::string& what) { return Error(ErrorKind::kInvalid, "ELF file: " + what); }

// The `length` bytes at `offset`, if the file has them.
std::optional<std::string_view> part(std::string_view file, std::uint64_t offset, std::uint64_t length) {
  if (offset > file.size() || length > file.size() - offset) return std::nullopt;
  return file.substr(offset, length);
}

// Table entry `index`; nothing when it is not in the file.
template <class T>
std::optional<T> entry_of(std::string_view table, std::uint64_t index) {
  if (index >= table.size() / sizeof(T)) return std::nullopt;
  T entry;
  std::memcpy(&entry, table.data() + index * sizeof(T), sizeof entry);
  return entry;
}

// The text at `offset` of a string table, up to its closing zero.
std::string text_at(std::string_view strings, std::uint64_t offset) {
  if (offset >= strings.size()) return {};
  const std::string_view rest = strings.substr(offset);
  return std::string(rest.substr(0, rest.find('\0')));
}

// Its functions, of every section of symbols that it has.
Result<std::vector<Symbol>> functions(std::string_view file, std::string_view sections) {
  std::vector<Symbol> found;
  for (std::uint64_t i = 0; const auto section = entry_of<Elf64_Shdr>(sections, i); ++i) {
    if (section->sh_type != SHT_SYMTAB) continue;
    const auto names = entry_of<Elf64_Shdr>(sections, section->sh_link);
    if (!names) return malformed("symbols without names");
    const auto table = part(file, section->sh_offset, section->sh_size);
    const auto strings = part(file, names->sh_offset, names->sh_size);
    if (!table || !strings) return malformed("its symbols lie outside it");
    for (std::uint64_t j = 0; const auto symbol = entry_of<Elf64_Sym>(*table, j); ++j) {
      const unsigned type = ELF64_ST_TYPE(symbol->st_info);
      if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol->st_shndx == SHN_UNDEF) continue;
      if (found.size() == kMaxSymbols) return malformed("too many symbols");
      found.push_back(
          {.address = symbol->st_value, .size = symbol->st_size, .name = text_at(*strings, symbol->st_name)});
    }
  }
  return found;
}

}  // namespace

Result<ElfFile> ElfFile::read(std::string bytes) {
  const auto header = entry_of<Elf64_Ehdr>(bytes, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return malformed("it is none");
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64) return malformed("not for x86-64");
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN) return malformed("not a program");
  if (header->e_phentsize != sizeof(Elf64_Phdr)) return malformed("segments of another size");
  const auto segments = part(bytes, header->e_phoff, std::uint64_t{header->e_phnum} * sizeof(Elf64_Phdr));
  const auto sections = part(bytes, header->e_shoff, std::uint64_t{header->e_shnum} * sizeof(Elf64_Shdr));
  if (!segments || !sections) return malformed("its tables lie outside it");
  ElfFile elf;
  elf.entry_ = header->e_entry;
  for (std::uint64_t i = 0; const auto segment = entry_of<Elf64_Phdr>(*segments, i); ++i) {
    if (segment->p_type != PT_LOAD) continue;
    if (!part(bytes, segment->p_offset, segment->p_filesz)) return malformed("a segment lies outside it");
    elf.segments_.push_back({segment->p_vaddr, segment->p_offset, segment->p_filesz});
  }
  SNAP_ASSIGN(std::vector<Symbol> symbols, functions(bytes, *sections));
  elf.symbols_ = SymbolTable(std::move(symbols));
  elf.bytes_ = std::move(bytes);
  return elf;
}

std::string ElfFile::contents(std::uint64_t address, std::size_t length) const {
  for (const Segment& segment : segments_) {
    if (address < segment.address || address - segment.address >= segment.length) continue;
    const std::uint64_t into = address - segment.address;
    return bytes_.substr(segment.offset + into, std::min<std::uint64_t>(length, segment.length - into));
  }
  return {};
}

}  // namespace snaphammer::symbols
