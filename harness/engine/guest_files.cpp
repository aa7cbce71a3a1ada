#include "harness/engine/guest_files.h"

#include "harness/engine/root_image.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

Result<void> expect_file(const fs::path& file, const std::string& advice) {
  std::error_code error;
  if (fs::is_regular_file(file, error)) return {};
  return Error(ErrorKind::kUnfit, "guest image: there is no file " + file.string()).advise(advice);
}

}  // namespace

Async<GuestFiles> guest_files(scenario::ImageChoice image, fs::path directory, const RunPaths& paths) {
  if (const auto* own = std::get_if<scenario::KernelImage>(&image)) {
    GuestFiles files{.kernel = directory / own->kernel, .initramfs = directory / own->initramfs};
    const std::string advice = "vm.image names it; a relative path starts at the scenario's directory";
    CO_SNAP_TRY(expect_file(files.kernel, advice));
    CO_SNAP_TRY(expect_file(files.initramfs, advice));
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
