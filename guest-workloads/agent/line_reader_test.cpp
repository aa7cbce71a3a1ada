#include "guest-workloads/agent/line_reader.h"

#include <gtest/gtest.h>

#include "guest-workloads/agent/bounded_lines.h"
#include "lib/base/testing/run_async.h"

namespace snaphammer::guest {
namespace {

TEST(LineReader, CutsPiecesIntoLines) {
  LineReader lines;
  lines.add("one\ntw");
  EXPECT_EQ(lines.next(), "one");
  EXPECT_EQ(lines.next(), std::nullopt);
  lines.add("o\n\nthree");
  EXPECT_EQ(lines.next(), "two");
  EXPECT_EQ(lines.next(), "");
  EXPECT_EQ(lines.next(), std::nullopt);
}

TEST(LineReader, KeepsTheBeginningOfALineThatIsTooLongAndGoesOnAfterIt) {
  LineReader lines;
  for (int i = 0; i < 100; ++i) {
    lines.add(std::string(4096, static_cast<char>('a' + i % 26)));
    EXPECT_EQ(lines.next(), std::nullopt);
  }
  lines.add("end\nnext\n");
  const std::string line = lines.next().value();
  EXPECT_EQ(line.size(), agent::kMaxLine - 1);
  EXPECT_EQ(line.substr(0, 4), "aaaa");
  EXPECT_EQ(lines.next(), "next");
}

class BoundedLinesTest : public testing::Test {
 protected:
  static Async<void> push(BoundedLines& lines, std::string line) {
    co_await lines.push(std::move(line));
    co_return Result<void>();
  }
  void add(const std::string& line) { ASSERT_TRUE(run_async(context, push(lines, line))); }

  asio::io_context context;
  BoundedLines lines{context.get_executor(), 10};
};

TEST_F(BoundedLinesTest, PeekGivesWholeLinesThatFit) {
  add("aa\n");
  add("bb\n");
  EXPECT_EQ(lines.peek(100), "aa\nbb\n");
  EXPECT_EQ(lines.peek(5), "aa\n");
  EXPECT_EQ(lines.peek(1), "aa\n") << "one line at least";
  lines.consume(3);
  EXPECT_EQ(lines.peek(100), "bb\n");
}

TEST_F(BoundedLinesTest, AWriterWaitsForSpace) {
  add("0123456789\n");
  bool pushed = false;
  asio::co_spawn(context, push(lines, "next\n"),
                 [&](const std::exception_ptr&, const Result<void>&) { pushed = true; });
  context.restart();
  context.poll();
  EXPECT_FALSE(pushed);
  lines.consume(11);
  context.restart();
  context.poll();
  EXPECT_TRUE(pushed);
  EXPECT_EQ(lines.peek(100), "next\n");
}

TEST_F(BoundedLinesTest, CloseLetsWritersGo) {
  add("0123456789\n");
  bool pushed = false;
  asio::co_spawn(context, push(lines, "next\n"),
                 [&](const std::exception_ptr&, const Result<void>&) { pushed = true; });
  context.restart();
  context.poll();
  lines.close();
  context.restart();
  context.poll();
  EXPECT_TRUE(pushed);
  EXPECT_EQ(lines.peek(100), "0123456789\n");
}

}  // namespace
}  // namespace snaphammer::guest
