#include "lib/vsock/byte_queue.h"

#include <gtest/gtest.h>

#include "lib/vsock/testing/guest_peer.h"

namespace snaphammer::vsock {
namespace {

TEST(ByteQueue, KeepsOrderHoweverItIsFilledAndEmptied) {
  ByteQueue queue;
  std::uint64_t appended = 0;
  std::uint64_t taken = 0;
  for (std::size_t size : {1U, 16'383U, 16'384U, 40'000U, 7U, 100'000U}) {
    queue.append(stream_bytes(1, appended, size));
    appended += size;
    const auto bytes = queue.take(size / 2);
    ASSERT_EQ(matching(1, taken, bytes), size / 2);
    taken += size / 2;
    EXPECT_EQ(queue.size(), appended - taken);
  }
  while (!queue.empty()) {
    ASSERT_EQ(matching(1, taken, queue.front()), queue.front().size());
    const auto size = std::min<std::size_t>(queue.size(), 20'000);  // Across blocks, which front() never is.
    queue.consume(size);
    taken += size;
  }
  EXPECT_EQ(taken, appended);
  EXPECT_TRUE(queue.front().empty());
}

TEST(ByteQueue, AClearedQueueStartsAnew) {
  ByteQueue queue;
  queue.append(stream_bytes(1, 0, 20'000));
  queue.consume(5);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  queue.append(stream_bytes(2, 0, 10));
  EXPECT_EQ(queue.take(10), stream_bytes(2, 0, 10));
}

}  // namespace
}  // namespace snaphammer::vsock
