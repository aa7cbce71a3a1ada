#include "guest-workloads/workloads/cpp-heap/own_heap.h"

#include <algorithm>
#include <cstring>

#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::cpp_heap {
namespace {

using workload::kPageBytes;

constexpr std::size_t kSlotBytes[] = {32,  48,   64,   96,   128,  192,  256,  384,  512,
                                      768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16384};
constexpr std::size_t kLeastSlots = 8;  // Of a span.

std::uint8_t size_for(std::size_t bytes) {
  return static_cast<std::uint8_t>(std::lower_bound(std::begin(kSlotBytes), std::end(kSlotBytes), bytes) -
                                   std::begin(kSlotBytes));
}

std::size_t pages_for(std::size_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes; }

}  // namespace

OwnHeap::OwnHeap(std::size_t bytes, Findings& findings)
    : findings_(findings),
      page_heap_(bytes, findings),
      spans_(page_heap_.pages() * sizeof(Span)),
      owners_(page_heap_.pages() * sizeof(std::uint32_t)) {
  static_assert(std::size(kSlotBytes) == kSizes);
}

void* OwnHeap::allocate(std::size_t bytes, bool zeroed) {
  const std::uint8_t size = size_for(bytes);
  return size == kLarge ? allocate_large(bytes, zeroed) : allocate_slot(size, zeroed);
}

void* OwnHeap::allocate_large(std::size_t bytes, bool zeroed) {
  const std::uint32_t first = make_span(kLarge, pages_for(bytes));
  if (first == 0) return nullptr;
  Span& span = spans()[first - 1];
  span.live = 1;
  span.unused = 0;
  std::uint8_t* block = page_heap_.address(first - 1);
  if (zeroed && !span.zero) std::memset(block, 0, bytes);
  return block;
}

void* OwnHeap::allocate_slot(std::uint8_t size, bool zeroed) {
  Class& of = classes_[size];
  std::uint8_t* slot = nullptr;
  bool clear = zeroed;
  {
    const std::lock_guard lock(of.mutex);
    while (slot == nullptr) {
      if (of.head == 0) {
        const std::uint32_t made = make_span(size, pages_for(kSlotBytes[size] * kLeastSlots));
        if (made == 0) return nullptr;
        list_span(of, made - 1);
      }
      const std::uint32_t page = of.head - 1;
      Span& span = spans()[page];
      if (span.free > 0) {
        slot = pop_free(page, span);
      } else {
        slot = slot_address(page, span, span.slots - span.unused);
        --span.unused;
        clear &= !span.zero;
      }
      if (slot != nullptr) ++span.live;
      if (span.free == 0 && span.unused == 0) unlist_span(of, page);
    }
  }
  if (clear) std::memset(slot, 0, kSlotBytes[size]);
  return slot;
}

void OwnHeap::release(void* block) {
  const std::uint32_t owner = owners()[page_heap_.page_of(block)];
  if (owner == 0) {
    report("page owner", static_cast<std::uint32_t>(page_heap_.page_of(block)), block, 1, 0);
    return;
  }
  const std::uint32_t page = owner - 1;
  Span& span = spans()[page];
  if (span.size == kLarge) {
    free_span(page);
    return;
  }
  Class& of = classes_[span.size];
  const std::lock_guard lock(of.mutex);
  const bool was_full = span.free == 0 && span.unused == 0;
  push_free(page, span, static_cast<std::uint8_t*>(block));
  --span.live;
  if (was_full) list_span(of, page);
  if (span.live > 0) return;
  unlist_span(of, page);
  free_span(page);
}

std::uint32_t OwnHeap::make_span(std::uint8_t size, std::size_t pages) {
  const auto run = page_heap_.take(pages);
  if (!run) return 0;
  const auto slots = static_cast<std::uint16_t>(size == kLarge ? 1 : pages * kPageBytes / kSlotBytes[size]);
  spans()[run->page] = Span{.pages = static_cast<std::uint32_t>(pages),
                            .size = size,
                            .zero = run->zero,
                            .slots = slots,
                            .live = 0,
                            .unused = slots,
                            .free = 0,
                            .free_head = 0,
                            .previous = 0,
                            .next = 0};
  const auto first = static_cast<std::uint32_t>(run->page + 1);
  std::fill_n(owners().begin() + static_cast<std::ptrdiff_t>(run->page), pages, first);
  return first;
}

void OwnHeap::free_span(std::uint32_t page) {
  const std::size_t pages = spans()[page].pages;
  std::fill_n(owners().begin() + page, pages, 0);
  spans()[page] = Span{};
  page_heap_.give_back(page, pages);  // Last: from then on another thread may take these pages.
}

std::uint8_t* OwnHeap::slot_address(std::uint32_t page, const Span& span, std::size_t slot) const {
  return page_heap_.address(page) + slot * kSlotBytes[span.size];
}

std::uint64_t OwnHeap::seal(const Link* link) {
  return workload::mix(reinterpret_cast<std::uintptr_t>(link) ^ link->next * workload::kGolden);
}

std::uint8_t* OwnHeap::pop_free(std::uint32_t page, Span& span) {
  std::uint8_t* slot = slot_address(page, span, span.free_head - std::size_t{1});
  const auto* link = reinterpret_cast<const Link*>(slot);
  const std::uint64_t expected = seal(link);
  if (link->seal == expected && link->next <= span.slots) {
    span.free_head = static_cast<std::uint16_t>(link->next);
    --span.free;
    return slot;
  }
  report("free list", page, slot, expected, link->seal);
  // Nothing that follows can be found any more. The span goes on with the slots that are left.
  span.slots = static_cast<std::uint16_t>(span.slots - span.free);
  span.free = span.free_head = 0;
  return nullptr;
}

void OwnHeap::push_free(std::uint32_t page, Span& span, std::uint8_t* slot) {
  auto* link = reinterpret_cast<Link*>(slot);
  link->next = span.free_head;
  link->seal = seal(link);
  span.free_head =
      static_cast<std::uint16_t>(static_cast<std::size_t>(slot - page_heap_.address(page)) / kSlotBytes[span.size] + 1);
  ++span.free;
}

void OwnHeap::list_span(Class& of, std::uint32_t page) {
  Span& span = spans()[page];
  span.previous = 0;
  span.next = of.head;
  if (of.head != 0) spans()[of.head - 1].previous = page + 1;
  of.head = page + 1;
}

void OwnHeap::unlist_span(Class& of, std::uint32_t page) {
  Span& span = spans()[page];
  (span.previous != 0 ? spans()[span.previous - 1].next : of.head) = span.next;
  if (span.next != 0) spans()[span.next - 1].previous = span.previous;
  span.previous = span.next = 0;
}

OwnHeap::Checked OwnHeap::check() {
  Checked checked;
  checked.summaries = page_heap_.check();
  std::size_t pages = 0;
  for (std::uint32_t page = 0; page < page_heap_.pages();) {
    const Span& span = spans()[page];
    const bool sound = span.pages > 0 && check_span(page, checked);
    pages += span.pages;
    page += sound ? span.pages : 1;
  }
  if (const std::size_t taken = page_heap_.taken(); taken != pages) {
    report("page count", 0, page_heap_.tree().bitmap().data(), pages, taken);
  }
  for (Class& of : classes_) {
    std::uint32_t previous = 0;
    for (std::uint32_t at = of.head; at != 0; at = spans()[at - 1].next) {
      const Span& span = spans()[at - 1];
      if (span.previous == previous && span.pages > 0 && span.free + span.unused > 0) {
        previous = at;
        continue;
      }
      report("span list", at - 1, &span, previous, span.previous);
      break;
    }
  }
  return checked;
}

bool OwnHeap::check_span(std::uint32_t page, Checked& checked) {
  const Span& span = spans()[page];
  ++checked.spans;
  if (!page_heap_.all_taken(page, span.pages)) {
    report("page bitmap", page, &span, span.pages, 0);
    return false;
  }
  for (std::uint32_t i = page; i < page + span.pages; ++i) {
    if (owners()[i] != page + 1) report("page owner", i, &owners()[i], page + 1, owners()[i]);
  }
  if (span.size == kLarge) return true;
  if (span.live + span.free + span.unused != span.slots) {
    report("slot count", page, &span, span.slots, std::uint64_t{span.live} + span.free + span.unused);
  }
  std::size_t slot = span.free_head;
  std::size_t length = 0;
  for (; slot != 0 && length <= span.free; ++length, ++checked.free_slots) {
    const auto* link = reinterpret_cast<const Link*>(slot_address(page, span, slot - 1));
    if (link->seal != seal(link) || link->next > span.slots) {
      report("free list", page, link, seal(link), link->seal);
      return true;
    }
    slot = link->next;
  }
  if (length != span.free) report("free list length", page, &span, span.free, length);
  return true;
}

void OwnHeap::report(const char* structure, std::uint32_t page, const void* address, std::uint64_t expected,
                     std::uint64_t read) {
  findings_.take(StructureFinding{structure, "page " + std::to_string(page), reinterpret_cast<std::uintptr_t>(address),
                                  workload::hex(expected), workload::hex(read)});
}

}  // namespace snaphammer::cpp_heap
