// BookFile: what of a book is on disk. Entries that were not synced are lost to whoever comes back with the file alone.
//
//   BookFile file("/tmp/ledger");
//   if (std::string wrong = file.sync(book); !wrong.empty()) ...
//   if (std::string wrong = file.load(book); !wrong.empty()) ...      // the book is what it was at the last sync
//
// A line for each entry, its nonce. All return what is wrong, or an empty text. One thread at a time.
#pragma once

#include <string>

#include "guest-workloads/workloads/ledger/book.h"

namespace snaphammer::ledger {

class BookFile {
 public:
  /// Without a path it does nothing.
  explicit BookFile(std::string path) : path_(std::move(path)) {}

  explicit operator bool() const { return !path_.empty(); }
  /// Adds the entries that it does not hold yet, and returns when they are on disk.
  std::string sync(const Book& book);
  /// Replaces the book's entries by its own; no file is an empty one.
  std::string load(Book& book);

 private:
  std::string wrong(const char* what) const;

  std::string path_;
  std::size_t synced_ = 0;  ///< Entries that it holds.
};

}  // namespace snaphammer::ledger
