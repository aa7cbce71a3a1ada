// What the threads of cpp-heap allocate from; two heaps implement it.
#pragma once

#include <cstddef>

namespace snaphammer::cpp_heap {

class Heap {
 public:
  virtual ~Heap() = default;

  /// As findings name it.
  virtual const char* name() const = 0;
  /// Null when there is no room. `zeroed`: all bytes are to be zero. Aligned to 8 bytes. Any thread.
  virtual void* allocate(std::size_t bytes, bool zeroed) = 0;
  /// Of a block that allocate() returned, to whichever thread. Any thread.
  virtual void release(void* block) = 0;
  /// Gives memory that is free to the kernel. Any thread.
  virtual void trim() = 0;
};

}  // namespace snaphammer::cpp_heap
