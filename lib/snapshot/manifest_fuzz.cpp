// Fuzzes the manifest parser. The input is the manifest's body: the target seals it, since random bytes would never get
// past the checksum. What is accepted must be written and read back as it is.
#include <cstdlib>
#include <string>

#include "lib/snapshot/manifest.h"

using snaphammer::snapshot::checksum_of;
using snaphammer::snapshot::format_manifest;
using snaphammer::snapshot::parse_manifest;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  static_cast<void>(parse_manifest(body));
  const auto manifest = parse_manifest(body + "  \"checksum\": \"" + checksum_of(body).hex() + "\"\n}\n");
  if (!manifest) return 0;
  const auto text = format_manifest(*manifest);
  if (!text || parse_manifest(*text).value() != *manifest) std::abort();
  return 0;
}
