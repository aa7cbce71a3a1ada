#include "lib/symbols/elf_file.h"

#include <cstring>
#include <fstream>
#include <iterator>

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/auxv.h>

// A function of this very program, which the tests look up in its file.
extern "C" __attribute__((noinline, used)) int snaphammer_symbols_landmark(int x) { return x * 3 + 1; }

namespace snaphammer::symbols {
namespace {

std::string own_file() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

ElfFile own_program() { return ElfFile::read(own_file()).value(); }

TEST(ElfFile, HasTheFunctionsOfAProgramWhereItsProcessHasThem) {
  const ElfFile elf = own_program();
  const std::uint64_t moved = ::getauxval(AT_ENTRY) - elf.entry();
  const Symbol landmark = elf.symbols().find("snaphammer_symbols_landmark").value();
  EXPECT_EQ(landmark.address + moved, reinterpret_cast<std::uint64_t>(&snaphammer_symbols_landmark));
  EXPECT_EQ(elf.symbols().describe(landmark.address + 1), "snaphammer_symbols_landmark+0x1");
}

TEST(ElfFile, HasTheInstructionsOfAFunction) {
  const ElfFile elf = own_program();
  const std::string code = elf.contents(elf.symbols().find("snaphammer_symbols_landmark").value().address, 8);
  ASSERT_EQ(code.size(), 8u);
  EXPECT_EQ(std::memcmp(code.data(), reinterpret_cast<const void*>(&snaphammer_symbols_landmark), code.size()), 0);
  EXPECT_EQ(elf.contents(1, 8).size() + elf.contents(~0ULL, 8).size(), elf.contents(1, 8).size());
}

TEST(ElfFile, IsNotReadFromSomethingElse) {
  EXPECT_FALSE(ElfFile::read(""));
  EXPECT_FALSE(ElfFile::read("#!/bin/sh\n"));
  std::string other = own_file();
  other[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(ElfFile::read(other).error().describe(), "ELF file: not for x86-64");
}

TEST(ElfFile, IsRefusedWhenItsTablesLeadOutOfIt) {
  const std::string whole = own_file();
  EXPECT_EQ(ElfFile::read(whole.substr(0, whole.size() / 2)).error().kind(), ErrorKind::kInvalid);
  EXPECT_EQ(ElfFile::read(whole.substr(0, sizeof(Elf64_Ehdr))).error().kind(), ErrorKind::kInvalid);
}

}  // namespace
}  // namespace snaphammer::symbols
