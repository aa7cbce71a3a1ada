#include "harness/cli/command.h"

namespace snaphammer::cli {

int exit_code_of(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kInvalid:
    case ErrorKind::kCorrupt:  // What is stored, where somebody has said.
      return kInvalidInput;
    case ErrorKind::kUnfit:
    case ErrorKind::kUnavailable:
    case ErrorKind::kRefused:
      return kUnfitHost;
    case ErrorKind::kCancelled:
      return kInterrupted;
    case ErrorKind::kTimeout:
    case ErrorKind::kGone:
    case ErrorKind::kIo:
    case ErrorKind::kInternal:
      return kHarnessFailed;
  }
  return kHarnessFailed;
}

std::vector<CommandPtr> all_commands() {
  std::vector<CommandPtr> commands;
  commands.push_back(make_run_command());
  commands.push_back(make_replay_command());
  commands.push_back(make_shrink_command());
  commands.push_back(make_lint_command());
  commands.push_back(make_list_command());
  commands.push_back(make_describe_command());
  commands.push_back(make_schema_command());
  commands.push_back(make_report_command());
  commands.push_back(make_doctor_command());
  commands.push_back(make_clean_command());
  commands.push_back(make_completion_command());
  commands.push_back(make_man_command());
  commands.push_back(make_worker_command());
  return commands;
}

}  // namespace snaphammer::cli
