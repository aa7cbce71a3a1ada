// From scenario files to checked scenarios. Every error of a file is reported at once; a file with an error yields no
// scenario.
//
//   LoadedFiles files = load_paths({"scenarios/smoke"}, {});
//   if (!files.diagnostics.empty()) { std::cerr << format(files.diagnostics); return 2; }
//   for (const LoadedScenario& loaded : files.scenarios) ...
//
// Any bytes are safe to load: size, depth, aliases and matrix are bounded, and nothing in a scenario is executed.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/scenario/diagnostic.h"
#include "harness/scenario/document.h"
#include "harness/scenario/matrix.h"
#include "harness/scenario/reader.h"
#include "harness/scenario/scenario.h"

namespace snaphammer::scenario {

/// The file a scenario came from; its text is kept, so that a run can be repeated after the file changed.
struct Source {
  std::string file;  ///< As given; relative paths inside the scenario start at its directory.
  std::string text;
};

/// One axis with the canonical form of each of its values: canonical[i] is axis.values[i].
struct ResolvedAxis {
  Axis axis;
  std::vector<nlohmann::json> canonical;
};

struct LoadedScenario {
  std::shared_ptr<const Source> source;
  Scenario first_point;  ///< With the first value of each axis.
  Node root;             ///< The document, without any axis applied.
  std::vector<ResolvedAxis> axes;
  /// Per entry of `expect`, per condition: the accepted canonical values.
  std::vector<std::vector<std::vector<nlohmann::json>>> accepted;
  ReadOptions options;
};

struct Loaded {
  std::optional<LoadedScenario> scenario;
  std::vector<Diagnostic> diagnostics;
};
Loaded load_text(std::string file, std::string text, ReadOptions options = {});
Loaded load_file(const std::filesystem::path& file, ReadOptions options = {});

struct LoadedFiles {
  std::vector<LoadedScenario> scenarios;
  std::vector<Diagnostic> diagnostics;
};
/// Files as given, each once; of a directory every *.yaml and *.yml below it, in the order of their paths. Two scenarios
/// of one name are an error, and so is a directory without a scenario.
LoadedFiles load_paths(std::span<const std::filesystem::path> paths, ReadOptions options = {});

/// Reads one point of a document: `root` with its axes already overlaid.
std::optional<Scenario> read_scenario(Reader& reader, const Node& root);

}  // namespace snaphammer::scenario
