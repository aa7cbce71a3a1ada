#include "harness/report/reporter.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "lib/base/writable.h"

namespace snaphammer::report {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStandardOutput = "-";

Result<void> write_text(const fs::path& file, const std::string& text) {
  if (file == kStandardOutput) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (!written || std::fflush(stdout) != 0) return errno_error("write the report to standard output");
    return {};
  }
  const WriteTarget target = write_target(file);
  fs::path written = target.path;
  if (!target.in_place) written += ".part";
  const auto failed = [&](int error) {
    std::error_code ignored;
    if (!target.in_place) fs::remove(written, ignored);
    return errno_error(fmt::format("write the report {}", target.path.string()), error);
  };
  std::ofstream stream(written, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream) return failed(errno);
  std::error_code error;
  if (!target.in_place) fs::rename(written, target.path, error);
  if (error) return failed(error.value());
  return {};
}

/// Comparable, as far as no links are in it.
fs::path normal(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

std::vector<ReportFormat>& registered_formats() {
  static std::vector<ReportFormat> formats;
  return formats;
}

std::string known_names() {
  std::vector<std::string> names;
  for (const ReportFormat& format : report_formats()) names.push_back(format.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Any format that is made of the finished campaign alone.
class FileReporter : public Reporter {
 public:
  FileReporter(Render render, fs::path file) : render_(render), file_(std::move(file)) {}
  Result<void> campaign_ended(const CampaignResult& campaign) override { return write_text(file_, render_(campaign)); }

 private:
  Render render_;
  fs::path file_;
};

}  // namespace

const std::vector<ReportFormat>& report_formats() { return registered_formats(); }

FormatRegistration::FormatRegistration(ReportFormat format) {
  std::vector<ReportFormat>& formats = registered_formats();
  const auto after = std::ranges::upper_bound(formats, format.name, {}, &ReportFormat::name);
  formats.insert(after, std::move(format));
}

Result<std::vector<std::unique_ptr<Reporter>>> make_reporters(std::string_view spec, const fs::path& results) {
  std::vector<std::unique_ptr<Reporter>> reporters;
  std::set<std::string, std::less<>> files;
  while (!spec.empty()) {
    const std::string_view one = spec.substr(0, spec.find(','));
    spec.remove_prefix(std::min(spec.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    const std::string_view name = one.substr(0, equals);
    const auto& formats = report_formats();
    const auto format =
        std::find_if(formats.begin(), formats.end(), [&](const ReportFormat& f) { return f.name == name; });
    if (format == formats.end()) {
      return Error(ErrorKind::kInvalid, fmt::format("--report: unknown format '{}'", name))
          .advise(fmt::format("the formats are {}; write it as junit=out.xml", known_names()));
    }
    if (equals == std::string_view::npos || equals + 1 == one.size()) {
      return Error(ErrorKind::kInvalid, fmt::format("--report: no file for '{}'", name))
          .advise(fmt::format("write it as {}=FILE; - is standard output", name));
    }
    const std::string file(one.substr(equals + 1));
    if (file == kStandardOutput) {
      reporters.push_back(std::make_unique<FileReporter>(format->render, file));
      continue;
    }
    const bool is_result = !results.empty() && normal(file).parent_path() == normal(results);
    const bool will_be_there = is_result && !fs::exists(results);
    const Result<void> can = will_be_there ? Result<void>() : check_can_write(file);
    if (!can) return can.error().in("--report");
    if (!files.insert(file).second && !write_target(file).in_place) {
      return Error(ErrorKind::kInvalid, fmt::format("--report: {} is named twice", file))
          .advise("give each report a file of its own");
    }
    reporters.push_back(std::make_unique<FileReporter>(format->render, file));
  }
  return reporters;
}

}  // namespace snaphammer::report
