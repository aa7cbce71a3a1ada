#include "guest-workloads/workloads/ledger/conversation.h"

#include <cerrno>
#include <charconv>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace snaphammer::ledger {
namespace {

constexpr std::size_t kLongestLine = 64;
constexpr std::size_t kMostReceived = 4096;  // The rest stays with the client until requests are done.

std::optional<Book::Nonce> nonce_of(std::string_view line) {
  constexpr std::string_view kRequest = "do ";
  if (!line.starts_with(kRequest)) return std::nullopt;
  line.remove_prefix(kRequest.size());
  Book::Nonce nonce = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), nonce);
  if (error != std::errc() || end != line.data() + line.size()) return std::nullopt;
  return nonce;
}

std::string record_of(const Book& book) {
  std::string text;
  for (std::size_t i = 0; i < book.entries().size(); ++i) {
    text += "entry " + std::to_string(i + 1) + " " + std::to_string(book.entries()[i].nonce) + "\n";
  }
  return text + "end " + std::to_string(book.entries().size()) + "\n";
}

}  // namespace

Conversation::~Conversation() { ::close(descriptor_); }

short Conversation::events() const {
  int events = 0;
  if (!at_end_ && received_.size() < kMostReceived) events |= POLLIN;
  if (!to_send_.empty()) events |= POLLOUT;
  return static_cast<short>(events);
}

bool Conversation::go_on(Book& book, Clock::time_point now) {
  if (!receive() || !obey(book, now) || !send()) return false;
  return !at_end_ || answer_at_ || !to_send_.empty();
}

bool Conversation::receive() {
  char bytes[1024];
  while (!at_end_ && received_.size() < kMostReceived) {
    const ssize_t n = ::recv(descriptor_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    at_end_ = n == 0;
    received_.append(bytes, static_cast<std::size_t>(n));
  }
  return true;
}

bool Conversation::obey(Book& book, Clock::time_point now) {
  for (;;) {
    if (answer_at_ && now < *answer_at_) return true;
    if (answer_at_) to_send_ += answer_;
    answer_at_.reset();
    const std::size_t end = received_.find('\n');
    if (end == std::string::npos) return received_.size() <= kLongestLine;
    const std::string line = received_.substr(0, end);
    received_.erase(0, end + 1);
    if (line == "record") {
      to_send_ += record_of(book);
    } else if (const std::optional<Book::Nonce> nonce = nonce_of(line)) {
      answer_ = "done " + std::to_string(*nonce) + " " + std::to_string(book.enter(*nonce)) + "\n";
      answer_at_ = now + work_;
    } else {
      return false;
    }
  }
}

bool Conversation::send() {
  while (!to_send_.empty()) {
    const ssize_t n = ::send(descriptor_, to_send_.data(), to_send_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    to_send_.erase(0, static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace snaphammer::ledger
