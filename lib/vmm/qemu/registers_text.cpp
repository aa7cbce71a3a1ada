#include "lib/vmm/qemu/registers_text.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace snaphammer::vmm {
namespace {

constexpr std::string_view kHead = "CPU#";
constexpr std::string_view kFpu = "FCW=";  // Where the registers of the FPU begin.

template <class Number>
std::optional<Number> number_after(std::string_view text, std::string_view name, int base) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(at + name.size());
  Number value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::string without_carriage_returns(std::string_view text) {
  std::string result(text);
  std::erase(result, '\r');
  while (!result.empty() && result.back() == '\n') result.pop_back();
  return result;
}

std::optional<VcpuGlance> read_one(std::string_view text) {
  const auto vcpu = number_after<unsigned>(text, kHead, 10);
  const auto rip = number_after<std::uint64_t>(text, "RIP=", 16);
  const auto halted = number_after<unsigned>(text, "HLT=", 10);
  if (!vcpu || !rip || !halted) return std::nullopt;
  return VcpuGlance{.vcpu = *vcpu,
                    .rip = *rip,
                    .halted = *halted != 0,
                    .registers = without_carriage_returns(text.substr(0, text.find(kFpu)))};
}

}  // namespace

std::vector<VcpuGlance> read_registers(std::string_view text) {
  std::vector<VcpuGlance> vcpus;
  for (std::size_t at = text.find(kHead); at != std::string_view::npos;) {
    const std::size_t next = text.find(kHead, at + kHead.size());
    if (auto vcpu = read_one(text.substr(at, next - at))) vcpus.push_back(*std::move(vcpu));
    at = next;
  }
  return vcpus;
}

}  // namespace snaphammer::vmm
