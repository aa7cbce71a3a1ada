#include "harness/doctor/host_facts.h"

#include <fstream>
#include <string>
#include <thread>

#include <sys/utsname.h>
#include <unistd.h>

#include "harness/doctor/checks.h"

namespace snaphammer::doctor {
namespace {

// "model name	: AMD EPYC 7R13", of the first CPU; empty where the kernel names none.
std::string cpu_name(const Host& host) {
  std::ifstream stream(host.root / "proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

}  // namespace

nlohmann::json facts_of(const Host& host) {
  utsname names{};
  ::uname(&names);
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
  nlohmann::json facts = {{"kernel", names.release},
                          {"architecture", names.machine},
                          {"cpus", std::thread::hardware_concurrency()},
                          {"memory_bytes", pages * page}};
  if (const std::string cpu = cpu_name(host); !cpu.empty()) facts["cpu"] = cpu;
  if (const auto version = qemu_version(host)) facts["qemu"] = *version;
  return facts;
}

}  // namespace snaphammer::doctor
