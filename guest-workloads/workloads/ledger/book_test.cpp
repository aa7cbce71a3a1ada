#include "guest-workloads/workloads/ledger/book.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "guest-workloads/workloads/ledger/book_file.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::ledger {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Book::Nonce> nonces_of(const Book& book) {
  std::vector<Book::Nonce> nonces;
  for (const Book::Entry& entry : book.entries()) nonces.push_back(entry.nonce);
  return nonces;
}

TEST(Book, ANonceThatComesAgainGetsItsFirstPosition) {
  Book book(Book::Repeats::kAnswered);
  EXPECT_EQ(book.enter(70), 1u);
  EXPECT_EQ(book.enter(71), 2u);
  EXPECT_EQ(book.enter(70), 1u);
  EXPECT_THAT(nonces_of(book), ElementsAre(70, 71));
  EXPECT_EQ(book.repeated(), 1u);
}

TEST(Book, OneThatExecutesRepeatsEntersThemAgain) {
  Book book(Book::Repeats::kExecuted);
  EXPECT_EQ(book.enter(70), 1u);
  EXPECT_EQ(book.enter(70), 2u);
  EXPECT_THAT(nonces_of(book), ElementsAre(70, 70));
}

TEST(Book, AnEntryThatWasChangedIsDamaged) {
  Book book(Book::Repeats::kAnswered);
  for (const Book::Nonce nonce : {70, 71, 72}) book.enter(nonce);
  EXPECT_THAT(book.damaged(), IsEmpty());
  const_cast<Book::Entry&>(book.entries()[1]).nonce = 99;
  EXPECT_THAT(book.damaged(), ElementsAre(2));
}

TEST(Book, ReplacedItKnowsTheOtherEntriesOnly) {
  Book book(Book::Repeats::kAnswered);
  for (const Book::Nonce nonce : {70, 71, 72}) book.enter(nonce);
  book.replace({70});
  EXPECT_EQ(book.enter(72), 2u);
  EXPECT_EQ(book.enter(70), 1u);
  EXPECT_THAT(book.damaged(), IsEmpty());
}

class BookFileTest : public testing::Test {
 protected:
  const TemporaryDirectory directory;
  const std::string path = directory / "book";
  Book book{Book::Repeats::kAnswered};
};

TEST_F(BookFileTest, HoldsWhatWasEnteredUntilTheLastSync) {
  BookFile file(path);
  book.enter(70);
  EXPECT_EQ(file.sync(book), "");
  book.enter(71);
  EXPECT_EQ(file.sync(book), "");
  EXPECT_EQ(file.sync(book), "");
  book.enter(72);
  EXPECT_EQ(file.load(book), "");
  EXPECT_THAT(nonces_of(book), ElementsAre(70, 71));
  book.enter(73);
  EXPECT_EQ(file.sync(book), "");
  Book another(Book::Repeats::kAnswered);
  EXPECT_EQ(BookFile(path).load(another), "");
  EXPECT_THAT(nonces_of(another), ElementsAre(70, 71, 73));
}

TEST_F(BookFileTest, OfAnEarlierLifeGoesOnWithNewEntries) {
  book.enter(70);
  EXPECT_EQ(BookFile(path).sync(book), "");
  BookFile file(path);
  EXPECT_EQ(file.load(book), "");
  book.enter(71);
  EXPECT_EQ(file.sync(book), "");
  EXPECT_EQ(file.load(book), "");
  EXPECT_THAT(nonces_of(book), ElementsAre(70, 71));
}

TEST_F(BookFileTest, ThatIsNotThereIsEmpty) {
  book.enter(70);
  EXPECT_EQ(BookFile(path).load(book), "");
  EXPECT_THAT(book.entries(), IsEmpty());
}

TEST_F(BookFileTest, ThatHoldsSomethingElseIsRefused) {
  std::ofstream(path) << "70\nhello\n";
  EXPECT_THAT(BookFile(path).load(book), HasSubstr(path));
}

TEST_F(BookFileTest, ThatCannotBeWrittenIsAnError) {
  book.enter(70);
  EXPECT_THAT(BookFile(directory / "none" / "book").sync(book), HasSubstr("No such file"));
}

TEST_F(BookFileTest, WithoutAPathDoesNothing) {
  BookFile file("");
  book.enter(70);
  EXPECT_EQ(file.sync(book), "");
  EXPECT_EQ(file.load(book), "");
  EXPECT_THAT(nonces_of(book), ElementsAre(70));
}

}  // namespace
}  // namespace snaphammer::ledger
