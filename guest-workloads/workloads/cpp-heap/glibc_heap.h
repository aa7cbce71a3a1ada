// glibc's malloc. It relies on fresh memory to be zero as well: calloc() clears no memory that comes straight from
// the kernel.
#pragma once

#include <cstdlib>

#include <malloc.h>

#include "guest-workloads/workloads/cpp-heap/heap.h"

namespace snaphammer::cpp_heap {

class GlibcHeap : public Heap {
 public:
  const char* name() const override { return "glibc"; }
  void* allocate(std::size_t bytes, bool zeroed) override {
    return zeroed ? std::calloc(1, bytes) : std::malloc(bytes);
  }
  void release(void* block) override { std::free(block); }
  void trim() override { ::malloc_trim(0); }
};

}  // namespace snaphammer::cpp_heap
