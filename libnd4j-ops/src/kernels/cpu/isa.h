// Which instruction sets this processor runs.
#pragma once

#include <vector>

#include "micro_kernels.h"

namespace dcn4j::cpu {

/// The sets that this processor and operating system run, fastest first; the last is the baseline.
std::vector<const InstructionSet*> runnableInstructionSets();

}  // namespace dcn4j::cpu
