#include "harness/engine/image_symbols.h"

#include <fstream>

#include <gmock/gmock.h>

#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

TEST(ImageSymbols, TheNearestNameIsToldOfAKernel) {
  const TemporaryDirectory image;
  std::ofstream(image / "kallsyms") << "ffffffff812e88a0 T __alloc_pages\n"
                                       "ffffffffc0012000 t balloon_ack\t[virtio_balloon]\n";
  const ImageSymbols symbols(image / "");
  EXPECT_TRUE(symbols.expect("kernel", "__alloc_pages"));
  EXPECT_TRUE(symbols.expect("kernel", "balloon_ack"));
  const auto unknown = symbols.expect("kernel", "__aloc_pages");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(),
              ::testing::HasSubstr("the guest's kernel: there is no function '__aloc_pages'"));
  EXPECT_THAT(unknown.error().advice(), ::testing::HasSubstr("did you mean '__alloc_pages'?"));
}

TEST(ImageSymbols, AProgramIsReadFromItsFile) {
  const TemporaryDirectory image;
  fs::create_directory(image / "symbols");
  fs::copy_file("/proc/self/exe", image / "symbols/heap");
  const ImageSymbols symbols(image / "");
  EXPECT_TRUE(symbols.expect("heap", "main"));
  EXPECT_FALSE(symbols.expect("heap", "mian"));
}

TEST(ImageSymbols, OfWhatIsNotThereEveryNameMayBeRight) {
  const TemporaryDirectory image;
  const ImageSymbols symbols(image / "");
  EXPECT_TRUE(symbols.expect("kernel", "f"));
  EXPECT_TRUE(symbols.expect("heap", "f"));
  EXPECT_TRUE(ImageSymbols("").expect("kernel", "f"));
}

}  // namespace
}  // namespace snaphammer::engine
