#include "isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace dcn4j::cpu {
namespace {

unsigned featuresOfThisProcessor() {
    unsigned features = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) features |= Avx2;
    if (__builtin_cpu_supports("fma")) features |= Fma;
    // The compilers don't agree on a name for this one.
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0) features |= F16c;
    if (__builtin_cpu_supports("avx512f")) features |= Avx512f;
    if (__builtin_cpu_supports("avx512dq")) features |= Avx512dq;
    if (__builtin_cpu_supports("avx512bw")) features |= Avx512bw;
    if (__builtin_cpu_supports("avx512vl")) features |= Avx512vl;
    if (__builtin_cpu_is("amdfam19h")) features |= Zen4;
#endif
    return features;
}

}  // namespace

bool runs(const InstructionSet& set) {
    static const unsigned features = featuresOfThisProcessor();
    return (set.features & ~features) == 0;
}

std::vector<const InstructionSet*> runnableInstructionSets() {
    std::vector<const InstructionSet*> sets;
    for (const InstructionSet* set : {
#if defined(__x86_64__)
             &zen4Set(), &avx512Set, &avx2Set,
#endif
                 &baselineSet
         }) {
        if (runs(*set)) sets.push_back(set);
    }
    return sets;
}

}  // namespace dcn4j::cpu
