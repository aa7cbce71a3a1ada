#include "harness/faults/fault.h"

namespace snaphammer::faults {

std::map<std::string, MakeFault>& fault_makers() {
  static std::map<std::string, MakeFault> makers;
  return makers;
}

}  // namespace snaphammer::faults
