#include "harness/engine/guest_files.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

#include "harness/engine/root_image.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

Result<void> expect_file(const fs::path& file, const std::string& advice) {
  std::error_code error;
  if (fs::is_regular_file(file, error)) return {};
  return Error(ErrorKind::kUnfit, "guest image: there is no file " + file.string()).advise(advice);
}

std::string bytes_of(const fs::path& file, std::streamoff offset, std::size_t length) {
  std::ifstream stream(file, std::ios::binary);
  std::string bytes(length, '\0');
  stream.seekg(offset);
  stream.read(bytes.data(), static_cast<std::streamsize>(length));
  bytes.resize(static_cast<std::size_t>(stream.gcount()));
  return bytes;
}

// The kernel's Documentation/arch/x86/boot.rst, field `header`. QEMU says of anything else that it is too old.
Result<void> expect_kernel(const fs::path& file) {
  if (bytes_of(file, 0x202, 4) == "HdrS") return {};
  return Error(ErrorKind::kUnfit, "guest image: " + file.string() + " is no x86 kernel (bzImage)")
      .advise("vm.image.kernel names it; /boot/vmlinuz-* is one, vmlinux is not");
}

// What the kernel itself looks for, lib/decompress.c, or the archive as it is. A kernel without one panics.
Result<void> expect_initramfs(const fs::path& file) {
  using namespace std::string_view_literals;
  static constexpr std::array kBeginnings = {"070701"sv,  "070702"sv,        "\x1f\x8b"sv,
                                             "BZh"sv,     "\xfd\x37zXZ"sv,   "\x5d\0\0"sv,
                                             "\x89LZO"sv, "\x02\x21L\x18"sv, "\x28\xb5\x2f\xfd"sv};
  const std::string bytes = bytes_of(file, 0, 6);
  if (std::ranges::any_of(kBeginnings, [&](std::string_view beginning) { return bytes.starts_with(beginning); })) {
    return {};
  }
  return Error(ErrorKind::kUnfit, "guest image: " + file.string() + " is no initramfs, compressed or not")
      .advise("vm.image.initramfs names it; `cpio --create --format=newc` makes one");
}

}  // namespace

Async<GuestFiles> guest_files(scenario::ImageChoice image, fs::path directory, const RunPaths& paths) {
  if (const auto* own = std::get_if<scenario::KernelImage>(&image)) {
    GuestFiles files{.kernel = directory / own->kernel, .initramfs = directory / own->initramfs};
    const std::string advice = "vm.image names it; a relative path starts at the scenario's directory";
    CO_SNAP_TRY(expect_file(files.kernel, advice));
    CO_SNAP_TRY(expect_file(files.initramfs, advice));
    CO_SNAP_TRY(expect_kernel(files.kernel));
    CO_SNAP_TRY(expect_initramfs(files.initramfs));
    co_return files;
  }
  const fs::path& ours = paths.installation.guest_image;
  GuestFiles files{.kernel = ours / "vmlinuz", .initramfs = ours / "initramfs"};
  const std::string advice = "run `snaphammer doctor`; ci/snaphammer builds the default image";
  CO_SNAP_TRY(expect_file(files.kernel, advice));
  CO_SNAP_TRY(expect_file(files.initramfs, advice));
  if (const auto* own = std::get_if<scenario::RootImage>(&image)) {
    CO_SNAP_ASSIGN(files.initramfs, co_await root_image(directory / own->root, ours, paths.caches.root_images()));
  }
  co_return files;
}

}  // namespace snaphammer::engine
