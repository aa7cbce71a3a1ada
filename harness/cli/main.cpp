#include "harness/cli/command_line.h"

int main(int argc, char** argv) {
  using namespace snaphammer;
  return cli::run_command_line(argc, argv, {.execute = engine::execute_run, .look_at_host = doctor::Host::real});
}
