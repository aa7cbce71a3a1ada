// unquiesce: {}
#include "harness/scenario/step.h"

namespace snaphammer::steps {
namespace {

using scenario::Fields;

struct Unquiesce {};
void describe(Fields<Unquiesce>&) {}

const scenario::StepRegistration<Unquiesce> registration{"unquiesce", "Undoes quiesce.", "unquiesce: {}"};

}  // namespace
}  // namespace snaphammer::steps
