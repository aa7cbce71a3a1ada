#include "lib/symbols/symbol_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/symbols/kernel_symbols.h"

namespace snaphammer::symbols {
namespace {

using testing::HasSubstr;

const SymbolTable& table() {
  static const SymbolTable kTable({{.address = 0x2000, .size = 0x40, .name = "malloc"},
                                   {.address = 0x1000, .size = 0, .name = "main"},
                                   {.address = 0x2000, .size = 0x40, .name = "__libc_malloc"},
                                   {.address = 0x3000, .size = 4, .name = "local"},
                                   {.address = 0x4000, .size = 4, .name = "local"}});
  return kTable;
}

std::string error_of(const std::string& name) {
  const auto found = table().find(name);
  return found ? "found" : found.error().describe();
}

TEST(SymbolTable, FindsAFunctionByItsName) {
  EXPECT_EQ(table().find("malloc").value().address, 0x2000u);
  EXPECT_EQ(table().find("main").value().address, 0x1000u);
}

TEST(SymbolTable, NamesTheNearestWhenThereIsNone) {
  EXPECT_EQ(error_of("maloc"), "there is no function 'maloc'; did you mean 'malloc'?");
  EXPECT_EQ(error_of("qqq"), "there is no function 'qqq'");
}

TEST(SymbolTable, RefusesANameThatStandsForSeveral) {
  EXPECT_THAT(error_of("local"), HasSubstr("at 0x3000, at 0x4000"));
}

TEST(SymbolTable, DescribesAnAddressByTheFunctionItIsIn) {
  EXPECT_EQ(table().describe(0x1000), "main");
  EXPECT_EQ(table().describe(0x1fff), "main+0xfff");
  EXPECT_EQ(table().describe(0x203f), "__libc_malloc+0x3f");
}

TEST(SymbolTable, DescribesAnAddressOutsideAllAsANumber) {
  EXPECT_EQ(table().describe(0x2040), "0x2040");
  EXPECT_EQ(table().describe(0xfff), "0xfff");
  EXPECT_EQ(SymbolTable().describe(1), "0x1");
}

TEST(KernelSymbols, AreTheFunctionsOfTheList) {
  const auto kernel = read_kallsyms(
      "ffffffff812e88a0 T __alloc_pages\n"
      "ffffffff82000000 D jiffies\n"
      "ffffffffc0000010 t vsock_poll\t[vsock]\n");
  ASSERT_TRUE(kernel) << kernel.error().describe();
  EXPECT_EQ(kernel->find("__alloc_pages").value().address, 0xffffffff812e88a0);
  EXPECT_EQ(kernel->describe(0xffffffffc0000012), "vsock_poll+0x2");
  EXPECT_FALSE(kernel->find("jiffies"));
}

TEST(KernelSymbols, SayWhenTheKernelHidesThem) {
  const auto hidden = read_kallsyms("0000000000000000 T __alloc_pages\n");
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().kind(), ErrorKind::kUnfit);
  EXPECT_THAT(hidden.error().describe(), HasSubstr("kptr_restrict"));
}

TEST(KernelSymbols, AreNotReadFromSomethingElse) {
  for (const char* text : {"", "\n", "cat: can't open\n", "zz T name\n", "12 TT name\n", "12 T\n"}) {
    const auto read = read_kallsyms(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind(), ErrorKind::kInvalid);
  }
}

}  // namespace
}  // namespace snaphammer::symbols
