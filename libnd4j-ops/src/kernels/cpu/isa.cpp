#include "isa.h"

namespace dcn4j::cpu {
namespace {

unsigned featuresOfThisProcessor() {
    unsigned features = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) features |= Avx2;
    if (__builtin_cpu_supports("fma")) features |= Fma;
    if (__builtin_cpu_supports("avx512f")) features |= Avx512f;
    if (__builtin_cpu_supports("avx512dq")) features |= Avx512dq;
    if (__builtin_cpu_supports("avx512bw")) features |= Avx512bw;
    if (__builtin_cpu_supports("avx512vl")) features |= Avx512vl;
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
             &avx512Set, &avx2Set,
#endif
                 &baselineSet
         }) {
        if (runs(*set)) sets.push_back(set);
    }
    return sets;
}

}  // namespace dcn4j::cpu
