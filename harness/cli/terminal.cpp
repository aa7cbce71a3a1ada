#include "harness/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace snaphammer::cli {

TerminalSize terminal_size() {
  TerminalSize size;
  winsize known{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &known) != 0) return size;
  if (known.ws_col > 0) size.columns = known.ws_col;
  if (known.ws_row > 0) size.rows = known.ws_row;
  return size;
}

}  // namespace snaphammer::cli
