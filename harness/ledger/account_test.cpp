#include "harness/ledger/account.h"

#include <gmock/gmock.h>

namespace snaphammer::ledger {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Nonce request(std::uint32_t client, std::uint32_t number) { return Request{client, number}.nonce(); }

class AccountTest : public testing::Test {
 protected:
  /// Answered by the guest that is there now.
  void answer(std::initializer_list<std::uint32_t> numbers) {
    for (const std::uint32_t number : numbers) account.answered(account.life(), request(1, number), now += 1ms);
  }
  void snapshot(const std::string& id) { account.snapshot_taken(id, now += 1ms); }
  void restore(const std::string& id) {
    account.restore_begins();
    account.restore_ended(id);
  }
  /// "FINDING of NUMBER NUMBER ..." for each defect of client 1's requests.
  std::vector<std::string> wrong_with(std::initializer_list<std::uint32_t> entered) {
    std::vector<Nonce> record;
    for (const std::uint32_t number : entered) record.push_back(request(1, number));
    std::vector<std::string> texts;
    for (const Defect& defect : account.judge(account.due(), record)) {
      texts.push_back(defect.finding + " of");
      for (const Nonce nonce : defect.requests) texts.back() += " " + std::to_string(Request::of(nonce).number);
    }
    return texts;
  }

  TimePoint now{};
  Account account;
};

TEST_F(AccountTest, WhatWasAnsweredAndEnteredIsRight) {
  answer({1, 2, 3});
  EXPECT_THAT(wrong_with({1, 2, 3}), IsEmpty());
  EXPECT_THAT(wrong_with({1, 2, 3, 4}), IsEmpty()) << "whose answer is on its way";
}

TEST_F(AccountTest, WhatWasAnsweredAndIsNotEnteredIsLostAndSaidOnce) {
  answer({1, 2, 3, 4});
  EXPECT_THAT(wrong_with({1, 3}), ElementsAre("request-lost of 2 4"));
  EXPECT_THAT(wrong_with({1, 3}), IsEmpty());
}

TEST_F(AccountTest, ARestoreTakesBackWhatWasAnsweredAfterTheFreeze) {
  answer({1, 2});
  snapshot("s1");
  answer({3, 4});
  restore("s1");
  EXPECT_THAT(wrong_with({1, 2}), IsEmpty());
}

TEST_F(AccountTest, WhatWasAnsweredBeforeTheFreezeMustBeThereAfterTheRestore) {
  answer({1, 2});
  snapshot("s1");
  answer({3});
  restore("s1");
  answer({4});
  EXPECT_THAT(wrong_with({1, 4}), ElementsAre("request-lost of 2"));
}

TEST_F(AccountTest, ASnapshotThatTheGuestGoesOnFromTakesNothingBack) {
  answer({1});
  snapshot("s1");
  answer({2});
  EXPECT_THAT(wrong_with({1}), ElementsAre("request-lost of 2"));
}

TEST_F(AccountTest, AnAnswerOfAGuestThatIsNoMoreIsNotDue) {
  answer({1});
  snapshot("s1");
  const Account::Life before = account.life();
  restore("s1");
  account.answered(before, request(1, 2), now);
  EXPECT_THAT(wrong_with({1}), IsEmpty());
  EXPECT_EQ(account.acknowledged(), 2u);
}

TEST_F(AccountTest, EachSnapshotHasItsOwnPast) {
  answer({1});
  snapshot("s1");
  answer({2});
  snapshot("s2");
  restore("s1");
  answer({3});
  EXPECT_THAT(wrong_with({1, 3}), IsEmpty());
  restore("s2");
  EXPECT_THAT(wrong_with({1}), ElementsAre("request-lost of 2")) << "3 was never in its past";
}

TEST_F(AccountTest, ALaterSnapshotReplacesOneOfItsName) {
  snapshot("s1");
  answer({1});
  snapshot("s1");
  restore("s1");
  EXPECT_THAT(wrong_with({}), ElementsAre("request-lost of 1"));
}

TEST_F(AccountTest, KnowsTheSnapshotsThatWereTakenInItsTime) {
  snapshot("s1");
  EXPECT_TRUE(account.knows("s1"));
  EXPECT_FALSE(account.knows("s2"));
  account.restore_begins();
  EXPECT_TRUE(account.changing());
  account.restore_ended("s1");
  EXPECT_FALSE(account.changing());
}

TEST_F(AccountTest, WhatIsEnteredTwiceIsDuplicated) {
  answer({1, 2});
  EXPECT_THAT(wrong_with({1, 2, 1}), ElementsAre("request-duplicated of 1"));
  EXPECT_THAT(wrong_with({1, 2, 1}), IsEmpty());
}

TEST_F(AccountTest, WhatWasNeverAnsweredCanBeDuplicatedToo) {
  EXPECT_THAT(wrong_with({1, 1}), ElementsAre("request-duplicated of 1"));
}

TEST_F(AccountTest, WhatIsEnteredAfterLaterOnesIsReordered) {
  EXPECT_THAT(wrong_with({1, 3, 2, 4}), ElementsAre("request-reordered of 2"));
}

TEST_F(AccountTest, ClientsHaveNoOrderAmongEachOther) {
  EXPECT_THAT(account.judge({}, {request(2, 5), request(1, 1), request(2, 6), request(1, 2)}), IsEmpty());
}

TEST_F(AccountTest, WhatWasSkippedIsLost) {
  account.skipped({request(1, 1), request(1, 2)});
  const std::vector<Defect> defects = account.judge({}, {});
  ASSERT_THAT(defects, SizeIs(1));
  EXPECT_EQ(defects[0].finding, "request-lost");
  EXPECT_THAT(defects[0].what, HasSubstr("neither answered nor failed"));
  EXPECT_THAT(defects[0].requests, ElementsAre(request(1, 1), request(1, 2)));
}

}  // namespace
}  // namespace snaphammer::ledger
