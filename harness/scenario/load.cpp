#include "harness/scenario/load.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "harness/scenario/course.h"
#include "harness/scenario/settings_support.h"

namespace snaphammer::scenario {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// Values read while checking a matrix, over all of its values: keeps a huge matrix of a huge document from taking
/// minutes.
constexpr std::size_t kMaxMatrixWork = 5'000'000;

/// The canonical form of what was written at `path`; as written when the canonical form of its step is shorter.
json canonical_at(const json& scenario, const std::vector<std::string>& path, const Node& written) {
  const json* place = &scenario;
  for (const std::string& segment : path) {
    std::size_t index = 0;
    const char* const end = segment.data() + segment.size();
    const bool is_index = std::from_chars(segment.data(), end, index).ptr == end && !segment.empty();
    if (place->is_array() && is_index && index < place->size()) {
      place = &place->at(index);
    } else if (place->is_object() && place->contains(segment)) {
      place = &place->at(segment);
    } else {
      return free_json(written);
    }
  }
  return *place;
}

/// Loads one file. Goes on after errors as far as that makes sense, so that all of them are reported.
class Loader {
 public:
  Loader(std::shared_ptr<const Source> source, ReadOptions options) : source_(std::move(source)), options_(options) {}

  Loaded load() {
    Document document = parse_document(source_->file, source_->text);
    diagnostics_ = met_ = std::move(document.diagnostics);
    LoadedScenario loaded;
    loaded.source = source_;
    loaded.options = options_;
    loaded.root = std::move(document.root);
    const bool unreadable = loaded.root.is_null() && !diagnostics_.empty();
    if (!unreadable) read(loaded);
    std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                     [](const Diagnostic& a, const Diagnostic& b) { return a.where < b.where; });
    if (!diagnostics_.empty()) return {std::nullopt, std::move(diagnostics_)};
    return {std::move(loaded), {}};
  }

 private:
  Reader reader() const { return Reader(source_->file, source_->text, options_); }

  /// The same mistake is met again at each value of the matrix; it is reported once. One that is met first with a later
  /// value, and elsewhere, names it.
  void keep(const Reader& reader, const std::string& path = {}, const Node& value = {}) {
    for (const Diagnostic& diagnostic : reader.diagnostics()) {
      if (std::find(met_.begin(), met_.end(), diagnostic) != met_.end()) continue;
      met_.push_back(diagnostic);
      diagnostics_.push_back(diagnostic);
      const bool is_elsewhere = !path.empty() && diagnostic.where != value.where;
      if (is_elsewhere) diagnostics_.back().message += fmt::format(" (with {}: {})", path, value.found());
    }
  }
  void fail(Position where, std::string message, std::string advice = {}) {
    Reader single = reader();
    single.fail(where, std::move(message), std::move(advice));
    keep(single);
  }

  std::optional<Scenario> read_document(const Node& root, const std::string& path = {}, const Node& value = {}) {
    Reader one = reader();
    std::optional<Scenario> scenario = read_scenario(one, root);
    keep(one, path, value);
    return scenario;
  }

  void read(LoadedScenario& loaded) {
    if (!loaded.root.is_map()) {
      fail(loaded.root.where, "expected a scenario, got " + loaded.root.found(), "begin with `version: 1`");
      return;
    }
    Node first = loaded.root;
    const std::vector<Axis> axes = read_axes(first);
    std::optional<Scenario> scenario = read_document(first);
    Node point = first;
    point.erase("matrix");  // Read anew with each of its own values, a long one would take quadratic time.
    const std::size_t work = work_of(point, axes);
    // A file that is wrong anyway is not worth much: the values of a large matrix wait until the rest is right.
    if (!diagnostics_.empty() && work > kMaxMatrixWork / 100) return;
    if (work > kMaxMatrixWork) {
      fail(axes.front().where, "the matrix has too many values for so long a scenario", "split the scenario");
      return;
    }
    if (!check_number_of_points(axes)) return;
    for (const Axis& axis : axes) loaded.axes.push_back(resolve(axis, point));
    for (const Expectation& entry : read_expectations(first)) {
      loaded.accepted.emplace_back();
      for (const Condition& condition : entry.when.conditions) {
        const bool is_wrong_axis = names_wrong_axis(condition, loaded.axes, first);
        loaded.accepted.back().push_back(is_wrong_axis ? std::vector<json>() : resolve(condition, loaded.axes, point));
      }
    }
    if (!scenario || !diagnostics_.empty()) return;
    loaded.first_point = *std::move(scenario);
  }

  /// Also of a document with errors elsewhere; its own were recorded with those.
  std::vector<Expectation> read_expectations(const Node& root) const {
    std::vector<Expectation> expectations;
    Reader scratch = reader();
    if (const Node* node = root.find("expect")) Codec<std::vector<Expectation>>::read(scratch, *node, expectations);
    return expectations;
  }

  static std::size_t work_of(const Node& root, const std::vector<Axis>& axes) {
    std::size_t values = 0;
    for (const Axis& axis : axes) values += axis.values.size();
    return values * root.nodes();
  }

  /// Reads the matrix and writes the first value of each axis into `root`. Axes that cannot be are left out.
  std::vector<Axis> read_axes(Node& root) {
    const Node* node = root.find("matrix");
    if (node == nullptr) return {};
    Reader one = reader();
    Matrix matrix;
    {
      const Reader::Within within(one, "matrix");
      Codec<Matrix>::read(one, *node, matrix);
    }
    keep(one);
    std::vector<Axis> axes;
    std::vector<std::vector<std::string>> places;
    for (Axis& axis : matrix.axes) {
      if (axis.values.empty()) continue;
      const auto place = overlay(root, axis.path, axis.where, axis.values.front());
      if (!place) {
        fail(axis.where, fmt::format("matrix: {}", place.error().message()), advise_path(axis.path, place.error()));
        continue;
      }
      const auto overlaps = [&](const std::vector<std::string>& other) {
        const std::size_t common = std::min(other.size(), place->size());
        return std::equal(other.begin(), other.begin() + static_cast<std::ptrdiff_t>(common), place->begin());
      };
      if (const auto other = std::find_if(places.begin(), places.end(), overlaps); other != places.end()) {
        const Axis& earlier = axes[static_cast<std::size_t>(other - places.begin())];
        fail(axis.where, fmt::format("matrix: '{}' and '{}' set the same", axis.path, earlier.path));
        continue;
      }
      places.push_back(*place);
      axes.push_back(std::move(axis));
    }
    return axes;
  }

  /// `uffd.on_remove` is most likely meant to be `runtime.uffd.on_remove`.
  static std::string advise_path(const std::string& path, const Error& error) {
    static const std::vector<FieldInfo> fields = Fields<Scenario>::of().infos();
    for (const char* root : {"runtime.", "vm."}) {
      if (find_field(fields, root + path) != nullptr) return fmt::format("did you mean '{}{}'?", root, path);
    }
    const std::vector<std::string> roots{"vm", "runtime", "limits", "timeout", "steps"};
    const std::string_view near = nearest_name(path.substr(0, path.find('.')), roots);
    const std::string meant = near.empty() || path.starts_with(near) ? "" : fmt::format("did you mean '{}'? ", near);
    return meant + error.advice();
  }

  /// Checks each value of the axis alone, over the first point.
  ResolvedAxis resolve(const Axis& axis, const Node& first) {
    ResolvedAxis resolved{axis, {}};
    Position failed;
    std::set<json> seen;
    for (const Node& value : axis.values) {
      if (value.where == failed && failed.line != 0) continue;  // Another number of a range that is wrong already.
      const std::optional<json> canonical = canonical_value(axis.path, axis.where, value, first);
      if (!canonical) {
        failed = value.where;
        continue;
      }
      if (!seen.insert(*canonical).second) {
        fail(value.where, fmt::format("matrix: {} has the value {} twice", axis.path, value.found()));
      }
      resolved.canonical.push_back(*canonical);
    }
    return resolved;
  }

  std::optional<json> canonical_value(const std::string& path, Position where, const Node& value, const Node& first) {
    Node root = first;
    const auto place = overlay(root, path, where, value);
    if (!place) return std::nullopt;  // Said when the axis was read.
    const std::optional<Scenario> scenario = read_document(root, path, value);
    if (!scenario) return std::nullopt;
    return canonical_at(Codec<Scenario>::write(*scenario), *place, value);
  }

  bool check_number_of_points(const std::vector<Axis>& axes) {
    std::vector<std::size_t> sizes;
    for (const Axis& axis : axes) sizes.push_back(axis.values.size());
    if (count_points(sizes)) return true;
    fail(axes.front().where, fmt::format("the matrix has more than {} points", kMaxPoints), "split the scenario");
    return false;
  }

  /// It is about one that the matrix has, but that could not be read.
  static bool names_wrong_axis(const Condition& condition, const std::vector<ResolvedAxis>& axes, const Node& root) {
    const Node* const matrix = root.find("matrix");
    return matrix != nullptr && matrix->find(condition.path) != nullptr &&
           std::none_of(axes.begin(), axes.end(), [&](const ResolvedAxis& a) { return a.axis.path == condition.path; });
  }

  std::vector<json> resolve(const Condition& condition, const std::vector<ResolvedAxis>& axes, const Node& first) {
    const auto axis =
        std::find_if(axes.begin(), axes.end(), [&](const ResolvedAxis& a) { return a.axis.path == condition.path; });
    if (axis == axes.end()) {
      std::vector<std::string> paths;
      for (const ResolvedAxis& a : axes) paths.push_back(a.axis.path);
      fail(condition.where, fmt::format("when: '{}' is not in the matrix", condition.path),
           advise_names(condition.path, paths));
      return {};
    }
    // A list stands for several values, unless the values are lists themselves.
    const Node& written = condition.value;
    const bool values_are_lists = axis->axis.values.front().is_list();
    const bool several =
        written.is_list() && (!values_are_lists || (!written.items.empty() && written.items.front().is_list()));
    std::vector<json> accepted;
    for (const Node& value : several ? written.items : std::vector<Node>{written}) {
      const std::optional<json> canonical = canonical_value(condition.path, condition.where, value, first);
      const bool axis_is_wrong = axis->canonical.size() != axis->axis.values.size();
      if (!canonical || axis_is_wrong) continue;
      if (std::find(axis->canonical.begin(), axis->canonical.end(), *canonical) == axis->canonical.end()) {
        std::vector<std::string> known;
        for (const json& v : axis->canonical) known.push_back(v.is_string() ? v.get<std::string>() : v.dump());
        fail(value.where, fmt::format("when: the matrix never sets {} to {}", condition.path, value.found()),
             advise_names(value.text, known));
      }
      accepted.push_back(*canonical);
    }
    return accepted;
  }

  std::shared_ptr<const Source> source_;
  ReadOptions options_;
  std::vector<Diagnostic> diagnostics_;
  std::vector<Diagnostic> met_;  // The same, before values were added to them.
};

/// A problem with a file as such.
Diagnostic about_file(const fs::path& file, std::string message, std::string advice = {}) {
  return {file.string(), {}, std::move(message), std::move(advice), {}};
}

/// Scenario files at or below `path`; an error is added when there is none.
std::vector<fs::path> files_at(const fs::path& path, std::vector<Diagnostic>& diagnostics) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<fs::path> files;
  for (auto entry = fs::recursive_directory_iterator(path, error); !error && entry != fs::end(entry);
       entry.increment(error)) {
    const std::string extension = entry->path().extension();
    const bool is_scenario = extension == ".yaml" || extension == ".yml";
    if (entry->path().filename() == "known.yaml") continue;  // Known failures, for `run --known`.
    if (is_scenario && entry->is_regular_file(error)) files.push_back(entry->path());
  }
  if (error) diagnostics.push_back(about_file(path, "list the directory: " + error.message()));
  if (!error && files.empty()) diagnostics.push_back(about_file(path, "no scenario (*.yaml, *.yml) in this directory"));
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::optional<Scenario> read_scenario(Reader& reader, const Node& root) {
  Scenario scenario;
  const bool good = Codec<Scenario>::read(reader, root, scenario);
  reader.settle();
  const auto unread = [](const auto& step) { return step == nullptr; };
  const bool has_all_steps = std::none_of(scenario.steps.begin(), scenario.steps.end(), unread);
  if (has_all_steps && reader.options().require_available) check_course(reader, scenario);
  if (!good) return std::nullopt;
  if (reader.options().require_available) check_settings_supported(reader, root, scenario);
  if (!reader.diagnostics().empty()) return std::nullopt;
  return scenario;
}

Loaded load_text(std::string file, std::string text, ReadOptions options) {
  auto source = std::make_shared<const Source>(Source{std::move(file), std::move(text)});
  return Loader(std::move(source), options).load();
}

Loaded load_file(const fs::path& file, ReadOptions options) {
  std::error_code error;
  const std::uintmax_t size = fs::is_regular_file(file, error) ? fs::file_size(file, error) : 0;
  if (!error && !fs::exists(file, error)) error = std::make_error_code(std::errc::no_such_file_or_directory);
  if (!error && size > kMaxFileBytes) {
    return {std::nullopt, {about_file(file, fmt::format("{} bytes: larger than a scenario may be", size))}};
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  // One byte more than allowed is enough to see that a pipe or device is too long.
  text.resize(kMaxFileBytes + 1);
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.is_open() || stream.bad()) {
    const std::string why = error ? error.message() : errno_error("", errno).message().substr(2);
    return {std::nullopt, {about_file(file, "read the scenario: " + why)}};
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return load_text(file.string(), std::move(text), options);
}

LoadedFiles load_paths(std::span<const fs::path> paths, ReadOptions options) {
  LoadedFiles all;
  std::map<std::string, std::string> file_of_name;
  std::set<fs::path> seen;
  for (const fs::path& path : paths) {
    for (const fs::path& file : files_at(path, all.diagnostics)) {
      std::error_code error;
      if (!seen.insert(fs::weakly_canonical(file, error)).second && !error) continue;
      Loaded loaded = load_file(file, options);
      all.diagnostics.insert(all.diagnostics.end(), loaded.diagnostics.begin(), loaded.diagnostics.end());
      if (!loaded.scenario) continue;
      const auto [earlier, is_new] = file_of_name.emplace(loaded.scenario->first_point.name, file.string());
      if (!is_new) {
        const Position where = loaded.scenario->root.find("name")->where;
        all.diagnostics.push_back(
            {file.string(), where, fmt::format("scenario '{}' is in {} already", earlier->first, earlier->second),
             "give each scenario its own name", std::string(line_of(loaded.scenario->source->text, where.line))});
        continue;
      }
      all.scenarios.push_back(*std::move(loaded.scenario));
    }
  }
  return all;
}

}  // namespace snaphammer::scenario
