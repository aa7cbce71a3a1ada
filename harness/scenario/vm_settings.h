// The `vm` part of a scenario: what machine the guest sees.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "harness/scenario/fields.h"
#include "lib/base/units.h"

namespace snaphammer::scenario {

enum class BackendChoice { kQemu, kFirecracker };
enum class AccelChoice { kAuto, kKvm, kTcg };

struct BalloonSettings {
  bool free_page_reporting = false;
  bool deflate_on_oom = false;
};

/// Paths are as written: relative ones start at the scenario file's directory.
struct DefaultImage {};
struct KernelImage {
  std::string kernel;
  std::string initramfs;
};
struct RootImage {
  std::string root;
};
using ImageChoice = std::variant<DefaultImage, KernelImage, RootImage>;

struct VmSettings {
  BackendChoice backend = BackendChoice::kQemu;
  AccelChoice accel = AccelChoice::kAuto;
  ByteCount memory = 256_MiB;
  unsigned vcpus = 2;
  std::vector<std::string> kernel_args;
  BalloonSettings balloon;
  ImageChoice image;
};
void describe(Fields<VmSettings>& fields);

}  // namespace snaphammer::scenario
