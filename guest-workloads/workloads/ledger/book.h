// Book: the entries of a ledger, in the order in which their requests were executed.
//
//   Book book(Book::Repeats::kAnswered);
//   book.enter(17);                       // 1, its position
//   book.enter(17);                       // 1 again, and no second entry
//   book.damaged();                       // positions that are not what was entered
//
// Each entry is sealed with a digest of it and all before it. One thread at a time.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace snaphammer::ledger {

class Book {
 public:
  using Nonce = std::uint64_t;
  using Position = std::uint64_t;  ///< From 1.

  /// What a nonce that was entered before means.
  enum class Repeats {
    kAnswered,  ///< It gets its first position: a request acts at most once.
    kExecuted,  ///< It is entered again: what a service without nonces does with a client's second try.
  };
  struct Entry {
    Nonce nonce;
    std::uint64_t digest;
  };

  explicit Book(Repeats repeats) : repeats_(repeats) {}

  Position enter(Nonce nonce);
  const std::vector<Entry>& entries() const { return entries_; }
  /// How often a nonce came again.
  std::uint64_t repeated() const { return repeated_; }
  /// Every entry whose digest does not follow from it and the one before.
  std::vector<Position> damaged() const;
  /// Starts anew with these, in this order.
  void replace(const std::vector<Nonce>& nonces);

 private:
  static std::uint64_t digest(std::uint64_t before, Nonce nonce);
  Position append(Nonce nonce);

  Repeats repeats_;
  std::vector<Entry> entries_;
  std::unordered_map<Nonce, Position> first_;
  std::uint64_t repeated_ = 0;
};

}  // namespace snaphammer::ledger
