#include "lib/base/shell_word.h"

#include <array>
#include <cstdio>

#include <gtest/gtest.h>

namespace snaphammer {
namespace {

TEST(ShellWord, IsPlainWhereNothingHasAMeaning) {
  EXPECT_EQ(shell_word("out/runs/a.on_remove=ignore,b=1.s1"), "out/runs/a.on_remove=ignore,b=1.s1");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("my files"), "'my files'");
}

TEST(ShellWord, IsOneWordForAShellWhateverIsInIt) {
  for (const char* text : {"a b", "it's", "$HOME", "`id`", "~", "a;b|c&d", "*?[x]", "new\nline", "\\", "\"", "-n", "#x",
                           "!x", "caf\xc3\xa9", ""}) {
    const std::string command = "printf '%s' " + shell_word(text);
    std::FILE* const shell = ::popen(command.c_str(), "r");
    ASSERT_NE(shell, nullptr);
    std::array<char, 64> said{};
    const std::size_t size = std::fread(said.data(), 1, said.size(), shell);
    EXPECT_EQ(::pclose(shell), 0);
    EXPECT_EQ(std::string(said.data(), size), text);
  }
}

}  // namespace
}  // namespace snaphammer
