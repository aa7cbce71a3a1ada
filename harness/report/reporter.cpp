#include "harness/report/reporter.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace snaphammer::report {
namespace {

Result<void> write_text(const std::filesystem::path& file, const std::string& text) {
  if (file == "-") {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (!written || std::fflush(stdout) != 0) return errno_error("write the report to standard output");
    return {};
  }
  std::filesystem::path temporary = file;
  temporary += ".part";
  std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream) return errno_error(fmt::format("write the report {}", temporary.string()));
  std::error_code error;
  std::filesystem::rename(temporary, file, error);
  if (error) return errno_error(fmt::format("write the report {}", file.string()), error.value());
  return {};
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

const std::vector<ReportFormat>& report_formats() {
  static const std::vector<ReportFormat> formats{
      {"github", "annotations, for GitHub Actions", render_github},
      {"json", "results.json, for programs", render_json},
      {"junit", "JUnit XML, for CI systems", render_junit},
      {"markdown", "a summary for pull requests", render_markdown},
      {"tap", "TAP 14, for test harnesses", render_tap},
  };
  return formats;
}

std::string render_json(const CampaignResult& campaign) { return to_json(campaign).dump(2) + "\n"; }

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
          .advise("use github, json, junit, markdown or tap, as in junit=out.xml");
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
