// An allocator with per-size free lists, built as those of language runtimes are: small blocks are slots of spans of one
// size, spans are runs of the page heap, and a span whose slots are all free goes back to it.
//
//   OwnHeap heap(16 << 20, findings);
//   void* block = heap.allocate(100, true);
//   heap.release(block);
//   heap.check();                              // while nobody allocates
//
// Free slots are linked through their own memory, and a slot that was never used, of a span that came as zeros, is
// handed out as zeroed without being cleared. It looks before it leaps: a link that has changed is a finding, not a
// crash. Thread-safe; a lock per size, then the page heap's.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <span>

#include "guest-workloads/workloads/base/memory_map.h"
#include "guest-workloads/workloads/cpp-heap/heap.h"
#include "guest-workloads/workloads/cpp-heap/page_heap.h"

namespace snaphammer::cpp_heap {

class OwnHeap : public Heap {
 public:
  OwnHeap(std::size_t bytes, Findings& findings);
  explicit operator bool() const { return page_heap_ && spans_ && owners_; }

  const char* name() const override { return "own"; }
  void* allocate(std::size_t bytes, bool zeroed) override;
  void release(void* block) override;
  void trim() override { page_heap_.trim(); }

  struct Checked {
    std::size_t spans = 0;
    std::size_t free_slots = 0;
    std::size_t summaries = 0;
  };
  /// Compares all structures with each other and reports each contradiction. Only while no thread allocates.
  Checked check();

  const PageHeap& page_heap() const { return page_heap_; }

 private:
  struct Span {
    std::uint32_t pages;  ///< 0: none begins here.
    std::uint8_t size;    ///< Into the table of sizes; kLarge: one block.
    bool zero;            ///< Slots that were never used are zeros.
    std::uint16_t slots;
    std::uint16_t live;
    std::uint16_t unused;     ///< Slots at its end that were never handed out.
    std::uint16_t free;       ///< Slots in its free list.
    std::uint16_t free_head;  ///< As in a link.
    std::uint32_t previous;   ///< In the list of its size; page + 1, 0 for none.
    std::uint32_t next;
  };
  /// At the start of a free slot.
  struct Link {
    std::uint64_t next;  ///< Slot + 1, 0 for none.
    std::uint64_t seal;  ///< Follows from `next` and the address.
  };
  struct Class {
    std::mutex mutex;
    std::uint32_t head = 0;  ///< Of the spans that have room; page + 1.
  };
  static constexpr std::size_t kSizes = 18;
  static constexpr std::uint8_t kLarge = kSizes;

  void* allocate_slot(std::uint8_t size, bool zeroed);
  void* allocate_large(std::size_t bytes, bool zeroed);
  /// The first page + 1 of a new span; 0 when there is no room.
  std::uint32_t make_span(std::uint8_t size, std::size_t pages);
  void free_span(std::uint32_t page);
  /// The slot at the head of the free list; null when its link is damaged, and the list is then given up.
  std::uint8_t* pop_free(std::uint32_t page, Span& span);
  void push_free(std::uint32_t page, Span& span, std::uint8_t* slot);
  void list_span(Class& of, std::uint32_t page);
  void unlist_span(Class& of, std::uint32_t page);
  bool check_span(std::uint32_t page, Checked& checked);

  std::span<Span> spans() const { return {reinterpret_cast<Span*>(spans_.data()), page_heap_.pages()}; }
  /// Per page: the first page + 1 of its span.
  std::span<std::uint32_t> owners() const {
    return {reinterpret_cast<std::uint32_t*>(owners_.data()), page_heap_.pages()};
  }
  std::uint8_t* slot_address(std::uint32_t page, const Span& span, std::size_t slot) const;
  static std::uint64_t seal(const Link* link);
  void report(const char* structure, std::uint32_t page, const void* address, std::uint64_t expected,
              std::uint64_t read);

  Findings& findings_;
  PageHeap page_heap_;
  workload::AnonymousMemory spans_;
  workload::AnonymousMemory owners_;
  std::array<Class, kSizes> classes_;
};

}  // namespace snaphammer::cpp_heap
