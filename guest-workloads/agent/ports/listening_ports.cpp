#include "guest-workloads/agent/ports/listening_ports.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string_view>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"
#include "lib/base/units.h"

namespace snaphammer::guest {
namespace {

constexpr std::size_t kMostBytes = 4_MiB;
constexpr std::string_view kStateListening = "0A";  // TCP_LISTEN of the kernel's include/net/tcp_states.h.
constexpr std::size_t kWordDigits = 8;

// How good an address is to connect to.
enum class Rank { kLoopback4, kLoopback6, kOther };
struct Candidate {
  Rank rank;
  std::string address;
};

Result<std::string> read_table(const std::filesystem::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::string();
  if (!file) return errno_error("open " + path.string());
  std::string text;
  std::array<char, 16384> part;
  ssize_t n = 0;
  while (text.size() < kMostBytes && (n = ::read(file.get(), part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  if (n < 0) return errno_error("read " + path.string());
  return text;
}

template <class T>
std::optional<T> parse_hex(std::string_view digits) {
  T value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// The kernel prints an address as words of this machine's byte order.
bool parse_address(std::string_view digits, std::span<std::uint32_t> words) {
  if (digits.size() != words.size() * kWordDigits) return false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto word = parse_hex<std::uint32_t>(digits.substr(i * kWordDigits, kWordDigits));
    if (!word) return false;
    words[i] = *word;
  }
  return true;
}

Candidate candidate4(in_addr address, std::uint16_t port) {
  const bool loopback = address.s_addr == INADDR_ANY || address.s_addr == htonl(INADDR_LOOPBACK);
  if (loopback) return {Rank::kLoopback4, "TCP4:127.0.0.1:" + std::to_string(port)};
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address, text.data(), text.size());
  return {Rank::kOther, std::string("TCP4:") + text.data() + ":" + std::to_string(port)};
}

Candidate candidate6(const in6_addr& address, std::uint16_t port) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    in_addr mapped{};
    std::memcpy(&mapped, &address.s6_addr[12], sizeof mapped);
    return candidate4(mapped, port);
  }
  if (IN6_IS_ADDR_UNSPECIFIED(&address) || IN6_IS_ADDR_LOOPBACK(&address)) {
    return {Rank::kLoopback6, "TCP6:[::1]:" + std::to_string(port)};
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &address, text.data(), text.size());
  return {Rank::kOther, std::string("TCP6:[") + text.data() + "]:" + std::to_string(port)};
}

struct Found {
  std::uint16_t port;
  Candidate candidate;
};

// Cuts `text` after the first `separator` and returns what stood before it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::string_view taken = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), taken.size() + 1));
  return taken;
}

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
  return take_until(line, ' ');
}

// "   0: 0100007F:1F90 00000000:0000 0A ...": number, local address, remote address, state.
std::optional<Found> parse_line(std::string_view line) {
  take_word(line);
  std::string_view local = take_word(line);
  take_word(line);
  if (take_word(line) != kStateListening) return std::nullopt;
  const std::string_view address = take_until(local, ':');
  const auto port = parse_hex<std::uint16_t>(local);
  if (!port || *port == 0) return std::nullopt;
  if (in_addr v4{}; parse_address(address, {&v4.s_addr, 1})) return Found{*port, candidate4(v4, *port)};
  if (in6_addr v6{}; parse_address(address, v6.s6_addr32)) return Found{*port, candidate6(v6, *port)};
  return std::nullopt;
}

}  // namespace

Result<std::vector<ListeningPort>> listening_ports(const std::filesystem::path& proc_net) {
  std::map<std::uint16_t, Candidate> best;
  for (const char* table : {"tcp", "tcp6"}) {
    SNAP_ASSIGN(const std::string text, read_table(proc_net / table));
    for (std::string_view lines = text; !lines.empty();) {
      const std::optional<Found> found = parse_line(take_until(lines, '\n'));
      if (!found) continue;  // The heading, a connection, or nonsense.
      const auto [known, is_new] = best.try_emplace(found->port, found->candidate);
      if (!is_new && found->candidate.rank < known->second.rank) known->second = found->candidate;
    }
  }
  std::vector<ListeningPort> ports;
  for (const auto& [port, candidate] : best) ports.push_back({port, candidate.address});
  return ports;
}

}  // namespace snaphammer::guest
