// without_userfaultfd PROGRAM ARGS...: runs a program as on a host whose container runtime denies userfaultfd (as
// Docker's default seccomp profile does): both ways to get a descriptor fail with EPERM, in all its children too.
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr unsigned kDeny = SECCOMP_RET_ERRNO | EPERM;

// Little endian: the low half of an argument comes first.
constexpr unsigned kSecondArgument = offsetof(seccomp_data, args) + sizeof(__u64);

bool deny_userfaultfd() {
  std::array<sock_filter, 7> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kSecondArgument),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, USERFAULTFD_IOC_NEW, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kDeny),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter = {.len = program.size(), .filter = program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: without_userfaultfd PROGRAM ARGS...\n");
    return 2;
  }
  if (!deny_userfaultfd()) {
    std::perror("without_userfaultfd: seccomp");
    return 4;
  }
  ::execvp(argv[1], argv + 1);
  std::perror(argv[1]);
  return 4;
}
