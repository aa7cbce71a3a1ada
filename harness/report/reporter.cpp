#include "harness/report/reporter.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include <fmt/format.h>

namespace snaphammer::report {
namespace {

Result<void> write_text(const std::filesystem::path& file, const std::string& text) {
  if (file == "-") {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (!written || std::fflush(stdout) != 0) return errno_error("write the report to standard output");
    return {};
  }
  // Who names a link, a FIFO or a device means what is behind it, and no file in its place.
  std::error_code error;
  std::filesystem::path target = file;
  if (std::filesystem::is_symlink(file, error))
    target = file.parent_path() / std::filesystem::read_symlink(file, error);
  const bool in_place = std::filesystem::exists(target, error) && !std::filesystem::is_regular_file(target, error);
  std::filesystem::path written = target;
  if (!in_place) written += ".part";
  std::ofstream stream(written, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream) return errno_error(fmt::format("write the report {}", written.string()));
  if (in_place) return {};
  std::filesystem::rename(written, target, error);
  if (error) return errno_error(fmt::format("write the report {}", target.string()), error.value());
  return {};
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
  FileReporter(Render render, std::filesystem::path file) : render_(render), file_(std::move(file)) {}
  Result<void> campaign_ended(const CampaignResult& campaign) override { return write_text(file_, render_(campaign)); }

 private:
  Render render_;
  std::filesystem::path file_;
};

}  // namespace

const std::vector<ReportFormat>& report_formats() { return registered_formats(); }

FormatRegistration::FormatRegistration(ReportFormat format) {
  std::vector<ReportFormat>& formats = registered_formats();
  const auto after = std::ranges::upper_bound(formats, format.name, {}, &ReportFormat::name);
  formats.insert(after, std::move(format));
}

Result<std::vector<std::unique_ptr<Reporter>>> make_reporters(std::string_view spec) {
  std::vector<std::unique_ptr<Reporter>> reporters;
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
    reporters.push_back(std::make_unique<FileReporter>(format->render, std::string(one.substr(equals + 1))));
  }
  return reporters;
}

}  // namespace snaphammer::report
