// Completion as the shells see it: each sources what the program prints.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/cli/testing/program_fixture.h"

namespace snaphammer::cli {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

class CompletionTest : public ProgramFixture {
 protected:
  std::string script_for(const std::string& shell) {
    EXPECT_EQ(snaphammer({"completion", shell}), 0) << err();
    return write("script." + shell, out());
  }
  bool is_there(const std::string& shell) { return std::filesystem::exists("/usr/bin/" + shell); }
  std::vector<std::string> lines_from(std::vector<std::string> program) {
    ChildProcess child = start_program(std::move(program));
    wait_for_exit(child);
    return lines_of(out());
  }

  /// What bash would offer at the end of `line`.
  std::vector<std::string> in_bash(const std::string& line) {
    return lines_from({"/bin/bash", "-c",
                       "compopt() { :; }; . \"$1\"; COMP_LINE=$2; COMP_POINT=${#2}; _snaphammer; "
                       "printf '%s\\n' \"${COMPREPLY[@]}\"",
                       "bash", script_for("bash"), line});
  }
  /// What fish would, without the descriptions.
  std::vector<std::string> in_fish(const std::string& line) {
    return lines_from({"/usr/bin/fish", "--no-config", "-c",
                       "source $argv[1]; complete -C $argv[2] | string replace -r '\\t.*' ''", script_for("fish"),
                       line});
  }
};

TEST_F(CompletionTest, BashOffersCommands) {
  EXPECT_THAT(in_bash("snaphammer "), AllOf(Contains("run"), Contains("completion"), Not(Contains("worker"))));
  EXPECT_THAT(in_bash("snaphammer rep"), ElementsAre("replay", "report"));
}

TEST_F(CompletionTest, BashOffersTheOptionsOfACommand) {
  EXPECT_THAT(in_bash("snaphammer run --re"), ElementsAre("--resume", "--repeat", "--retry", "--report"));
  EXPECT_THAT(in_bash("snaphammer list --re"), IsEmpty());
  EXPECT_THAT(in_bash("snaphammer --v"), ElementsAre("--version"));
}

TEST_F(CompletionTest, BashOffersWhatIsRegistered) {
  EXPECT_THAT(in_bash("snaphammer list s"), ElementsAre("scenarios", "steps"));
  EXPECT_THAT(in_bash("snaphammer describe ac"), ElementsAre("act"));
  EXPECT_THAT(in_bash("snaphammer describe uffd.on_rem"), ElementsAre("uffd.on_remove"));
}

TEST_F(CompletionTest, BashOffersFilesAndDirectoriesWhereTheyBelong) {
  scenario("mine", {"pass"});
  const std::string prefix = directory_.path().string() + "/";
  EXPECT_THAT(in_bash("snaphammer run " + prefix + "mi"), ElementsAre(prefix + "mine.yaml"));
  EXPECT_THAT(in_bash("snaphammer run --out " + prefix + "mi"), IsEmpty());
  EXPECT_THAT(in_bash("snaphammer run --out " + prefix + "ima"), ElementsAre(prefix + "image"));
}

TEST_F(CompletionTest, FishOffersCommandsOptionsAndNames) {
  if (!is_there("fish")) GTEST_SKIP() << "no fish on this host";
  EXPECT_THAT(in_fish("snaphammer rep"), ElementsAre("replay", "report"));
  EXPECT_THAT(in_fish("snaphammer run --ret"), ElementsAre("--retry"));
  EXPECT_THAT(in_fish("snaphammer list ste"), ElementsAre("steps"));
  EXPECT_THAT(in_fish("snaphammer describe uffd.on_rem"), ElementsAre("uffd.on_remove"));
}

TEST_F(CompletionTest, ZshOffersCommandsOptionsAndNames) {
  if (!is_there("zsh")) GTEST_SKIP() << "no zsh on this host";
  // An interactive shell on a terminal of its own, that is asked by the key Tab, twice: it inserts what is unambiguous.
  const std::string ask = write("ask.zsh", R"(
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=READY; autoload -Uz compinit; compinit -u -d $HOME/dump; . $1; echo LOADED"
zpty -r shell loaded '*LOADED*LOADED*READY*'
for line in "snaphammer comp" "snaphammer run --ret" "snaphammer list ste" "snaphammer describe uffd.on_rem"; do
  zpty -n -w shell $line$'\t'
  zpty -n -w shell $'\x01echo "[\x05]"\n'
  zpty -r shell answer '*\[snaphammer*\]*READY*'
  print -r -- ${${answer##*$'\n'\[}%%\]*}
done
)");
  const auto lines = lines_from({"/usr/bin/zsh", "-f", ask, script_for("zsh")});
  EXPECT_THAT(lines,
              ElementsAre(StartsWith("snaphammer completion"), StartsWith("snaphammer run --retry"),
                          StartsWith("snaphammer list steps"), StartsWith("snaphammer describe uffd.on_remove")));
}

TEST_F(CompletionTest, AnUnknownShellIs2AndGetsASuggestion) {
  EXPECT_EQ(snaphammer({"completion", "bsh"}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("'bsh'"), HasSubstr("'bash'")));
}

}  // namespace
}  // namespace snaphammer::cli
