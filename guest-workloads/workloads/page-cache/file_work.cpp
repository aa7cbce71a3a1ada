#include "guest-workloads/workloads/page-cache/file_work.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <linux/magic.h>
#include <sys/statfs.h>

namespace snaphammer::page_cache {
namespace {

using namespace std::chrono_literals;
using workload::hex;
using workload::JsonObject;

constexpr unsigned kStepsAtOnce = 4;
constexpr auto kBeatEvery = 1s;

bool is_in_memory(const std::string& directory) {
  struct statfs fs {};
  if (::statfs(directory.c_str(), &fs) != 0) return false;
  return fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}

}  // namespace

std::string finding_line(const PageFinding& finding) {
  const bool stale = finding.defect == Defect::kStalePage;
  const std::string place = "page " + std::to_string(finding.page) + " of " + finding.file;
  const std::string message =
      stale ? place + ", a hole, is not zero"
            : place + " holds " + finding.held + " instead of generation " + std::to_string(finding.generation);
  return workload::finding_line(stale ? "stale-page" : "lost-write", message,
                                JsonObject()
                                    .add("file", finding.file)
                                    .add("page", finding.page)
                                    .add("offset", finding.offset)
                                    .add("generation", finding.generation)
                                    .add("holds", finding.held)
                                    .add("read_by", finding.read_by)
                                    .add("expected", hex(std::span(finding.expected, finding.shown)))
                                    .add("read", hex(std::span(finding.read, finding.shown))));
}

FileWork::FileWork(const Options& options, int commands)
    : options_(options), commands_(commands, output_), pace_(options.cpu), choice_(workload::mix(options.seed)) {}

bool FileWork::run() {
  std::string wrong = make_files();
  while (wrong.empty() && !ended_ && rest()) {
    wrong = commands_.checks_waiting() != 0 ? answer_check() : work();
    beat_when_due();
  }
  if (!wrong.empty()) std::fprintf(stderr, "page-cache: %s\n", wrong.c_str());
  return wrong.empty();
}

std::string FileWork::make_files() {
  std::string directory = options_.directory + "/page-cache-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return "create " + directory + ": " + std::strerror(errno);
  const std::size_t pages = options_.resident / workload::kPageBytes / options_.files;
  files_ = std::make_unique<FileSet>(
      directory,
      FileSet::Shape{.files = options_.files, .pages_per_file = std::max<std::size_t>(pages, 1), .seed = options_.seed},
      [this](const PageFinding& finding) { take(finding); });
  for (std::size_t file = 0; file < files_->files(); ++file) {
    if (std::string wrong = files_->create(file); !wrong.empty()) return wrong;
    ended_ = !commands_.serve();
    if (ended_) return "";
  }
  output_.write(JsonObject("ready")
                    .add("directory", directory)
                    .add("in_memory", is_in_memory(directory))
                    .add("files", files_->files())
                    .add("pages_per_file", std::max<std::size_t>(pages, 1))
                    .line());
  output_.flush();
  return "";
}

bool FileWork::rest() {
  // In whole milliseconds, as commands are waited for.
  return commands_.serve_until_check(Clock::now() + std::chrono::ceil<std::chrono::milliseconds>(pace_.rest()));
}

std::string FileWork::work() {
  for (unsigned i = 0; i < kStepsAtOnce; ++i) {
    if (std::string wrong = files_->step(choice_); !wrong.empty()) return wrong;
  }
  output_.flush();
  return "";
}

std::string FileWork::answer_check() {
  for (std::size_t file = 0; file < files_->files(); ++file) {
    if (std::string wrong = files_->verify(file); !wrong.empty()) return wrong;
  }
  ++checks_;
  output_.write(workload::verdict_line(lost_ == 0 && stale_ == 0, counters()));
  output_.flush();
  commands_.check_answered();
  return "";
}

void FileWork::take(const PageFinding& finding) {
  ++(finding.defect == Defect::kStalePage ? stale_ : lost_);
  output_.write(finding_line(finding));
}

void FileWork::beat_when_due() {
  if (Clock::now() - last_beat_ < kBeatEvery) return;
  last_beat_ = Clock::now();
  output_.write(JsonObject("beat").add_all(counters()).line());
  output_.flush();
}

JsonObject FileWork::counters() const {
  const Acts& acts = files_->acts();
  return JsonObject()
      .add("checks", checks_)
      .add("written", acts.written)
      .add("mapped", acts.mapped)
      .add("punched", acts.punched)
      .add("truncated", acts.truncated)
      .add("replaced", acts.replaced)
      .add("verified", acts.verified)
      .add("holes", acts.holes)
      .add("lost_writes", lost_)
      .add("stale_pages", stale_);
}

}  // namespace snaphammer::page_cache
