#include "guest-workloads/workloads/ledger/book_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

namespace snaphammer::ledger {
namespace {

bool write_all(int file, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

std::string BookFile::wrong(const char* what) const {
  return std::string(what) + " " + path_ + ": " + std::strerror(errno);
}

std::string BookFile::sync(const Book& book) {
  if (path_.empty() || synced_ == book.entries().size()) return "";
  std::string lines;
  for (std::size_t i = synced_; i < book.entries().size(); ++i) {
    lines += std::to_string(book.entries()[i].nonce) + "\n";
  }
  const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return wrong("open");
  std::string failed;
  if (!write_all(file, lines) || ::fsync(file) != 0) failed = wrong("write");
  ::close(file);
  if (failed.empty()) synced_ = book.entries().size();
  return failed;
}

std::string BookFile::load(Book& book) {
  if (path_.empty()) return "";
  std::vector<Book::Nonce> nonces;
  if (::access(path_.c_str(), F_OK) == 0) {
    std::ifstream file(path_);
    for (Book::Nonce nonce = 0; file >> nonce;) nonces.push_back(nonce);
    if (!file.eof()) {
      errno = EINVAL;
      return wrong("read");
    }
  }
  book.replace(nonces);
  synced_ = nonces.size();
  return "";
}

}  // namespace snaphammer::ledger
