#include "guest-workloads/workloads/ledger/book.h"

#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::ledger {

std::uint64_t Book::digest(std::uint64_t before, Nonce nonce) {
  return workload::mix(before + workload::kGolden) ^ workload::mix(nonce);
}

Book::Position Book::enter(Nonce nonce) {
  const auto known = first_.find(nonce);
  if (known == first_.end()) return append(nonce);
  ++repeated_;
  return repeats_ == Repeats::kAnswered ? known->second : append(nonce);
}

Book::Position Book::append(Nonce nonce) {
  entries_.push_back({nonce, digest(entries_.empty() ? 0 : entries_.back().digest, nonce)});
  first_.try_emplace(nonce, entries_.size());
  return entries_.size();
}

std::vector<Book::Position> Book::damaged() const {
  std::vector<Position> damaged;
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].digest != digest(before, entries_[i].nonce)) damaged.push_back(i + 1);
    before = entries_[i].digest;
  }
  return damaged;
}

void Book::replace(const std::vector<Nonce>& nonces) {
  entries_.clear();
  first_.clear();
  for (const Nonce nonce : nonces) append(nonce);
}

}  // namespace snaphammer::ledger
