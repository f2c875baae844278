// Which instruction sets this processor runs.
#pragma once

#include <vector>

#include "simd/micro_kernels.h"

namespace dcn4j::cpu {

/// Whether this processor and operating system have the features that a set was compiled for.
bool runs(const InstructionSet& set);

/// The sets that this processor runs, fastest first; the last is the baseline.
std::vector<const InstructionSet*> runnableInstructionSets();

}  // namespace dcn4j::cpu
