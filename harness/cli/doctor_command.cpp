#include <algorithm>

#include <fmt/format.h>

#include "harness/cli/command.h"
#include "harness/cli/style.h"
#include "harness/engine/runtime_directory.h"

namespace snaphammer::cli {
namespace {

Style style_of(doctor::State state) {
  switch (state) {
    case doctor::State::kGood:
      return Style::kGood;
    case doctor::State::kLimited:
      return Style::kDoubtful;
    case doctor::State::kMissing:
      return Style::kBad;
  }
  return Style::kPlain;
}

class DoctorCommand : public Command {
 public:
  std::string name() const override { return "doctor"; }

  void declare(CLI::App& app) override {
    app.description("Say what this host can do, what is missing, what that costs, and how to get it");
    app.add_option("--out", out_, "Where campaigns' results would go")->type_name("DIR")->capture_default_str();
    app.add_flag("--no-color", no_color_, "No colours on a terminal");
    app.footer("\nEnds with 3 when something is missing without which no guest can run.");
  }

  Result<int> run(Session& session) override {
    SNAP_ASSIGN(engine::Installation installation, engine::Installation::of_this_process());
    SNAP_ASSIGN(const std::filesystem::path runtime, engine::runtime_base(session.environment));
    const doctor::Host host =
        session.parts.look_at_host(std::move(installation), engine::Caches::of(session.environment), runtime, out_);
    const Painter painter(session.wants_color() && !no_color_);
    std::size_t width = 0;
    for (const doctor::Check& check : doctor::all_checks()) width = std::max(width, check.name.size());

    bool fit = true;
    for (const doctor::Check& check : doctor::all_checks()) {
      const doctor::Finding finding = check.look(host);
      session.out << painter.paint(style_of(finding.state), fmt::format("{:<8}", doctor::name_of(finding.state)))
                  << fmt::format(" {:<{}}  {}\n", check.name, width, finding.found);
      if (finding.state == doctor::State::kGood) continue;
      const std::string indent(width + 11, ' ');
      session.out << indent << "consequence: " << finding.consequence << "\n"
                  << indent << "remedy: " << finding.remedy << "\n";
      const bool needed = check.needed_by != doctor::NeededBy::kNone;
      fit &= !(needed && finding.state == doctor::State::kMissing);
    }
    session.out << (fit ? "This host can run guests.\n" : "This host cannot run guests: see what is missing.\n");
    return fit ? kAllAsExpected : kUnfitHost;
  }

 private:
  std::filesystem::path out_ = "snaphammer-out";
  bool no_color_ = false;
};

}  // namespace

CommandPtr make_doctor_command() { return std::make_unique<DoctorCommand>(); }

}  // namespace snaphammer::cli
