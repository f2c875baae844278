// Which instruction sets this processor runs.
#pragma once

#include <vector>

#include "simd/micro_kernels.h"

namespace dcn4j::cpu {

/// Whether this processor and operating system have the features that a set was compiled for.
bool runs(const InstructionSet& set);

/// The sets that this processor runs, fastest first; the last is the baseline.
std::vector<const InstructionSet*> runnableInstructionSets();

/// A kernel of each such set, then the reference. They are never destroyed (see Registry).
template <class OfSet, class Kernel>
std::vector<const Kernel*> everyKernel(const Kernel& reference) {
    std::vector<const Kernel*> all;
    for (const InstructionSet* set : runnableInstructionSets()) all.push_back(new OfSet(*set));
    all.push_back(&reference);
    return all;
}

}  // namespace dcn4j::cpu
