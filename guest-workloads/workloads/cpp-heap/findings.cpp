#include "guest-workloads/workloads/cpp-heap/findings.h"

#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/memory_map.h"

namespace snaphammer::cpp_heap {
namespace {

using workload::hex;
using workload::JsonObject;

constexpr std::size_t kKept = 4096;
constexpr char kCorruption[] = "heap-corruption";

bool is_lost_write(const BlockFinding& finding) {
  return !finding.handed_out_as_zero && finding.damage.held != Held::kOther;
}

std::string describe_held(const Damage& damage) {
  switch (damage.held) {
    case Held::kZeros:
      return "zeros";
    case Held::kEarlierGeneration:
      return "generation " + std::to_string(damage.generation);
    case Held::kOther:
      break;
  }
  return "other bytes";
}

std::string describe(const BlockFinding& finding) {
  const std::string block = "block of " + std::to_string(finding.block.bytes()) + " bytes at " +
                            hex(finding.block.address()) + " on the heap " + finding.heap;
  if (finding.handed_out_as_zero) return "a " + block + ", handed out as zeroed, is not zero";
  return "the " + block + " holds " + describe_held(finding.damage) + " instead of generation " +
         std::to_string(finding.block.key.generation);
}

JsonObject evidence(const BlockFinding& finding) {
  const Damage& damage = finding.damage;
  const Key& key = finding.block.key;
  JsonObject json;
  json.add("heap", finding.heap).add("address", hex(finding.block.address())).add("bytes", finding.block.bytes());
  if (const auto physical = workload::physical_address(finding.block.address() + damage.offset)) {
    json.add("physical", hex(*physical));
  }
  json.add("offset", damage.offset)
      .add("expected", hex(std::span(damage.expected, damage.shown)))
      .add("read", hex(std::span(damage.read, damage.shown)))
      .add("block", JsonObject().add("seed", key.seed).add("index", key.index).add("generation", key.generation));
  if (!finding.handed_out_as_zero) json.add("holds", describe_held(damage));
  return json;
}

}  // namespace

void Findings::take(const BlockFinding& finding) {
  const bool lost = is_lost_write(finding);
  ++(lost ? lost_writes_ : corruptions_);
  add(workload::finding_line(lost ? "lost-write" : kCorruption, describe(finding), evidence(finding)));
}

void Findings::take(const StructureFinding& finding) {
  ++corruptions_;
  add(workload::finding_line(kCorruption,
                             "the own allocator contradicts itself: " + std::string(finding.structure) + ", " +
                                 finding.where + ": expected " + finding.expected + ", read " + finding.read,
                             JsonObject()
                                 .add("heap", "own")
                                 .add("structure", finding.structure)
                                 .add("where", finding.where)
                                 .add("address", hex(finding.address))
                                 .add("expected", finding.expected)
                                 .add("read", finding.read)));
}

void Findings::add(std::string line) {
  const std::lock_guard lock(mutex_);
  if (lines_.size() == kKept) {
    ++dropped_;
    return;
  }
  lines_.push_back(std::move(line));
}

void Findings::write_to(workload::Output& output) {
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex_);
    lines.swap(lines_);
  }
  for (const std::string& line : lines) output.write(line);  // Without the lock: this may block for long.
  output.flush();
}

}  // namespace snaphammer::cpp_heap
