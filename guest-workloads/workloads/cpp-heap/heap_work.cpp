#include "guest-workloads/workloads/cpp-heap/heap_work.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <unistd.h>

namespace snaphammer::cpp_heap {
namespace {

using namespace std::chrono_literals;
using workload::hex;
using workload::JsonObject;

constexpr std::size_t kAnchorBytes = 8 << 10;  // Two pages or three; and no small block, also for glibc.
constexpr std::uint32_t kAnchorIndex = 0xffffff00;
constexpr auto kTick = 500ms;
constexpr const char* kPhaseNames[] = {"in", "out", "rest"};

}  // namespace

HeapWork::HeapWork(const Options& options, int commands, std::atomic<unsigned>& checks_waiting)
    : options_(options),
      commands_(commands, output_,
                {.quiesce = [this] { quiesce(); }, .resume = [this] { resume(); }, .checks_waiting = &checks_waiting}),
      // Room for all blocks and as much again, as blocks of many sizes leave gaps.
      own_heap_(options.resident * 2, findings_),
      heaps_{&own_heap_, &glibc_heap_},
      safe_point_(options.threads) {
  for (std::uint32_t i = 0; i < options_.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(i, options_, heaps_, safe_point_, exchange_, findings_));
  }
}

HeapWork::~HeapWork() {
  safe_point_.end();
  for (const auto& worker : workers_) worker->join();
}

bool HeapWork::run() {
  if (!own_heap_ || !make_anchors()) {
    std::fprintf(stderr, "cpp-heap: map %zu bytes: %s\n", options_.resident * 2, std::strerror(errno));
    return false;
  }
  aim(options_.resident);
  for (const auto& worker : workers_) worker->start();
  if (!grow_to_full()) return true;
  say_ready();
  phase_ends_ = Clock::now() + options_.breath;
  while (commands_.serve_until_check(std::min(Clock::now() + kTick, phase_ends_))) {
    while (commands_.checks_waiting() != 0) answer_check();
    breathe();
    findings_.write_to(output_);
    beat();
  }
  findings_.write_to(output_);
  return true;
}

bool HeapWork::grow_to_full() {
  while (live_bytes() < full_bytes()) {
    if (!commands_.serve(10ms)) return false;
  }
  return true;
}

void HeapWork::breathe() {
  if (Clock::now() < phase_ends_) return;
  phase_ends_ = Clock::now() + options_.breath;
  switch (phase_) {
    case Phase::kIn:
      phase_ = Phase::kOut;
      aim(options_.resident * options_.keep / 100);
      break;
    case Phase::kOut:
      phase_ = Phase::kRest;
      trim();
      break;
    case Phase::kRest:
      phase_ = Phase::kIn;
      ++breaths_;
      aim(options_.resident);
      break;
  }
}

void HeapWork::aim(std::size_t bytes) {
  for (const auto& worker : workers_) worker->aim_for(bytes / workers_.size());
}

void HeapWork::trim() {
  for (Heap* heap : heaps_) heap->trim();
}

void HeapWork::quiesce() {
  safe_point_.close();
  trim();
  findings_.write_to(output_);
}

bool HeapWork::make_anchors() {
  for (std::size_t i = 0; i < heaps_.size(); ++i) {
    const Key key{.seed = options_.seed, .index = kAnchorIndex + static_cast<std::uint32_t>(i), .generation = 0};
    const auto anchor = allocate(*heaps_[i], kAnchorBytes, false, key, findings_);
    if (!anchor) return false;
    anchors_[i] = *anchor;
  }
  return true;
}

void HeapWork::renew_anchors() {
  for (LiveBlock& anchor : anchors_) {
    verify(anchor, findings_);
    anchor.heap->release(anchor.block.words);
    ++anchor.block.key.generation;
    const auto renewed = allocate(*anchor.heap, kAnchorBytes, true, anchor.block.key, findings_);
    if (!renewed) {
      std::fprintf(stderr, "cpp-heap: no room on the heap %s for the block that was just freed\n", anchor.heap->name());
      std::_Exit(1);
    }
    anchor = *renewed;
  }
}

void HeapWork::answer_check() {
  safe_point_.close();
  std::size_t blocks = exchange_.blocks().size() + anchors_.size();
  for (const auto& worker : workers_) blocks += worker->verify_all();
  for (const LiveBlock& live : exchange_.blocks()) verify(live, findings_);
  renew_anchors();
  const OwnHeap::Checked checked = own_heap_.check();
  if (!commands_.quiesced()) safe_point_.open();
  ++checks_;
  findings_.write_to(output_);
  const bool pass = findings_.corruptions() == 0 && findings_.lost_writes() == 0;
  output_.write(workload::verdict_line(pass, counters()
                                                 .add("blocks_checked", blocks)
                                                 .add("spans_checked", checked.spans)
                                                 .add("free_slots_checked", checked.free_slots)
                                                 .add("summaries_checked", checked.summaries)));
  output_.flush();
  commands_.check_answered();
}

std::size_t HeapWork::live_bytes() const {
  std::size_t bytes = 0;
  for (const auto& worker : workers_) bytes += worker->live_bytes();
  return bytes;
}

JsonObject HeapWork::counters() const {
  std::uint64_t allocated = 0, zeroed = 0, rewritten = 0, verified = 0, released = 0, exchanged = 0, refused = 0;
  for (const auto& worker : workers_) {
    const Work& work = worker->work();
    allocated += work.allocated;
    zeroed += work.zeroed;
    rewritten += work.rewritten;
    verified += work.verified;
    released += work.released;
    exchanged += work.exchanged;
    refused += work.refused;
  }
  return JsonObject()
      .add("breaths", breaths_)
      .add("checks", checks_)
      .add("allocated", allocated)
      .add("zeroed", zeroed)
      .add("rewritten", rewritten)
      .add("verified", verified)
      .add("released", released)
      .add("exchanged", exchanged)
      .add("refused", refused)
      .add("live_bytes", live_bytes())
      .add("corruptions", findings_.corruptions())
      .add("lost_writes", findings_.lost_writes())
      .add("findings_dropped", findings_.dropped());
}

// With addresses, for who wants to damage this program from outside.
void HeapWork::say_ready() {
  JsonObject ready("ready");
  ready.add("pid", ::getpid()).add("anchor_bytes", kAnchorBytes);
  for (const LiveBlock& anchor : anchors_) {
    ready.add(std::string(anchor.heap->name()) + "_anchor", anchor.block.address());
  }
  const PageHeap& pages = own_heap_.page_heap();
  const auto tell = [&ready](const std::string& name, const void* address, std::size_t count) {
    ready.add(name, reinterpret_cast<std::uintptr_t>(address)).add(name + "_count", count);
  };
  tell("pages", pages.address(0), pages.pages());
  tell("bitmap", pages.tree().bitmap().data(), pages.tree().bitmap().size());
  tell("summaries", pages.tree().level(0).data(), pages.tree().level(0).size());
  output_.write(ready.line());
  output_.flush();
}

void HeapWork::beat() {
  output_.write(
      JsonObject("beat").add("phase", kPhaseNames[static_cast<std::size_t>(phase_)]).add_all(counters()).line());
  output_.flush();
}

}  // namespace snaphammer::cpp_heap
