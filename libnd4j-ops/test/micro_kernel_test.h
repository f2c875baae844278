// A suite over the micro-kernels of every instruction set.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "../src/kernels/cpu/isa.h"
#include "../src/kernels/cpu/simd/micro_kernels.h"

namespace dcn4j::cpu {

/// One with the vector length of AVX-512 made of shorter vectors, so that its code is tested on
/// processors without.
extern const InstructionSet wideSet;

inline std::ostream& operator<<(std::ostream& out, const InstructionSet* set) {
    return out << set->name;
}

class MicroKernelTest : public testing::TestWithParam<const InstructionSet*> {
  protected:
    std::mt19937 random_{7};

    template <class Real>
    const MicroKernels<Real>& kernels() const {
        return GetParam()->kernels.of<Real>();
    }

    template <class Real>
    std::vector<Real> numbers(Index count) {
        std::normal_distribution<Real> normal;
        std::vector<Real> v(static_cast<std::size_t>(count));
        for (Real& x : v) x = normal(random_);
        return v;
    }
};

/// The sets that a suite is instantiated for, and their names.
inline std::vector<const InstructionSet*> everySet() {
    auto sets = runnableInstructionSets();
    sets.push_back(&wideSet);
    return sets;
}
inline std::string nameOfSet(const testing::TestParamInfo<const InstructionSet*>& set) {
    return set.param->name;
}

}  // namespace dcn4j::cpu
