// The functions that a guest image's kernel and workloads have, known before any guest is started.
//
//   ImageSymbols symbols(installation.guest_image);
//   symbols.expect("kernel", "__alloc_pages");      // an error names the nearest: "did you mean ..."
//
// Files are read when they are first needed, and kept. One thread.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "harness/scenario/reader.h"
#include "lib/symbols/symbol_table.h"

namespace snaphammer::engine {

class ImageSymbols final : public scenario::KnownSymbols {
 public:
  /// The directory of an image; where it, or a file of it, is not there, every name may be right.
  explicit ImageSymbols(std::filesystem::path image) : image_(std::move(image)) {}

  Result<void> expect(const std::string& program, const std::string& symbol) const override;

 private:
  const std::optional<symbols::SymbolTable>& table_of(const std::string& program) const;

  std::filesystem::path image_;
  mutable std::map<std::string, std::optional<symbols::SymbolTable>> tables_;
};

}  // namespace snaphammer::engine
