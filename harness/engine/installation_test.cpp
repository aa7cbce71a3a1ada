#include "harness/engine/installation.h"

#include <fstream>

#include <gtest/gtest.h>

#include "harness/engine/caches.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

TEST(Installation, InABuildTreeThePartsAreWhereTheyWereBuilt) {
  const TemporaryDirectory build;
  fs::create_directories(build / "harness/cli");
  std::ofstream(build / "CMakeCache.txt") << "cache";
  std::ofstream(build / "guest-image.path") << "/cache/images/5d0e\n";
  const Installation found = Installation::around(build / "harness/cli/snaphammer", Environment());
  EXPECT_EQ(found.program, build / "harness/cli/snaphammer");
  EXPECT_EQ(found.interposer, build / "lib/interposer/libsnaphammer-interposer.so");
  EXPECT_EQ(found.guest_image, "/cache/images/5d0e");
}

TEST(Installation, ABuildTreeWithoutAnImageHasNone) {
  const TemporaryDirectory build;
  std::ofstream(build / "CMakeCache.txt") << "cache";
  EXPECT_EQ(Installation::around(build / "harness/cli/snaphammer", Environment()).guest_image, "");
}

TEST(Installation, UnderAPrefixThePartsAreInItsLibraryDirectory) {
  const TemporaryDirectory prefix;
  const Installation found = Installation::around(prefix / "bin/snaphammer", Environment());
  EXPECT_EQ(found.interposer, prefix / "lib/snaphammer/libsnaphammer-interposer.so");
  EXPECT_EQ(found.guest_image, prefix / "lib/snaphammer/guest-image");
}

TEST(Installation, TheEnvironmentNamesOthers) {
  const Environment environment(
      Environment::Variables{{"SNAPHAMMER_IMAGE", "/my/image"}, {"SNAPHAMMER_INTERPOSER", "/my/lib.so"}});
  const Installation found = Installation::around("/usr/bin/snaphammer", environment);
  EXPECT_EQ(found.interposer, "/my/lib.so");
  EXPECT_EQ(found.guest_image, "/my/image");
}

TEST(Caches, AreWhereTheUsersCachesAre) {
  EXPECT_EQ(Caches::of(Environment(Environment::Variables{{"HOME", "/home/me"}})).root, "/home/me/.cache/snaphammer");
  EXPECT_EQ(Caches::of(Environment(Environment::Variables{{"HOME", "/home/me"}, {"XDG_CACHE_HOME", "/big"}})).root,
            "/big/snaphammer");
}

}  // namespace
}  // namespace snaphammer::engine
