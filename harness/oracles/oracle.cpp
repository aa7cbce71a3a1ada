#include "harness/oracles/oracle.h"

namespace snaphammer::oracles {

std::vector<MakeOracle>& oracle_makers() {
  static std::vector<MakeOracle> makers;
  return makers;
}

}  // namespace snaphammer::oracles
