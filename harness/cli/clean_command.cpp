#include "harness/cli/command.h"
#include "harness/cli/leftover_lines.h"
#include "harness/engine/caches.h"
#include "harness/engine/runtime_directory.h"
#include "lib/base/units.h"

namespace snaphammer::cli {
namespace {

namespace fs = std::filesystem;

ByteCount size_of(const fs::path& directory) {
  ByteCount size = 0;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(directory, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored) && !entry->is_symlink(ignored)) size += entry->file_size(ignored);
  }
  return size;
}

class CleanCommand : public Command {
 public:
  std::string name() const override { return "clean"; }

  void declare(CLI::App& app) override {
    app.description("Remove what dead campaigns have left: processes, mounts, directories");
    app.add_flag("--cache", cache_, "Also remove guest images and base snapshots, which are made again when needed");
    app.footer("\nResults are never removed: delete their directories yourself.");
  }

  Result<int> run(Session& session) override {
    SNAP_ASSIGN(const fs::path base, engine::runtime_base(session.environment));
    SNAP_ASSIGN(const std::size_t removed, remove_leftovers(base, session.out));
    if (cache_) {
      SNAP_TRY(remove_caches(session, base));
    } else if (removed == 0) {
      session.out << "nothing to clean\n";
    }
    return kAllAsExpected;
  }

 private:
  static Result<void> remove_caches(Session& session, const fs::path& base) {
    SNAP_ASSIGN(const engine::BaseLock lock, engine::BaseLock::take(base));  // No campaign starts meanwhile.
    SNAP_ASSIGN(const engine::CampaignDirectories campaigns, engine::campaign_directories(base, lock));
    if (!campaigns.alive.empty()) {
      return Error(ErrorKind::kUnavailable,
                   "campaign " + campaigns.alive.front().filename().string() + " is running and uses the caches")
          .advise("wait for it to end, or stop it");
    }
    const fs::path root = engine::Caches::of(session.environment).root;
    ByteCount freed = 0;
    std::error_code error;
    for (auto entry = fs::directory_iterator(root, error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
      const ByteCount size = size_of(entry->path());
      std::error_code failure;
      fs::remove_all(entry->path(), failure);
      if (failure) return errno_error("remove " + entry->path().string(), failure.value());
      session.out << "removed " << entry->path().string() << " (" << size / (1 << 20) << " MiB)\n";
      freed += size;
    }
    session.out << "freed " << freed / (1 << 20) << " MiB of caches\n";
    return {};
  }

  bool cache_ = false;
};

}  // namespace

CommandPtr make_clean_command() { return std::make_unique<CleanCommand>(); }

}  // namespace snaphammer::cli
