// entropy: is what a guest draws at random drawn by no other guest that comes from the same snapshot?
#include <unistd.h>

#include "guest-workloads/workloads/entropy/drawing.h"

int main(int argc, char** argv) {
  using namespace snaphammer::entropy;  // NOLINT: a program, not a library
  Options options;
  if (const auto status = arguments_for(options).read(argc, argv)) return *status;
  Drawing(options, STDIN_FILENO).run();
  return 0;
}
