// Messages over a Unix socket that carry descriptors: sendmsg(2) and recvmsg(2) with SCM_RIGHTS, unix(7).
//
//   const std::array<int, 2> descriptors = {events.get(), output.get()};
//   if (send_with_descriptors(socket, text, descriptors, MSG_NOSIGNAL) < 0) return errno_error("send");
//
// Both are as the system calls they stand for: they return what those return and leave errno. Any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "lib/base/unique_fd.h"

namespace snaphammer {

/// The most that go with one message.
inline constexpr std::size_t kMostDescriptors = 16;

/// `descriptors` stay the caller's; more than kMostDescriptors are EINVAL.
ssize_t send_with_descriptors(int socket, std::string_view bytes, std::span<const int> descriptors, int flags);

/// What comes is close-on-exec and appended to `descriptors`. EMSGSIZE when more came than can be taken: the message is
/// lost then, and whatever came with it closed.
ssize_t receive_with_descriptors(int socket, std::span<char> bytes, std::vector<UniqueFd>& descriptors, int flags);

}  // namespace snaphammer
