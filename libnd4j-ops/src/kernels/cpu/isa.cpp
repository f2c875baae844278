#include "isa.h"

namespace dcn4j::cpu {

std::vector<const InstructionSet*> runnableInstructionSets() {
    std::vector<const InstructionSet*> sets;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512vl");
    if (avx512) sets.push_back(&avx512Set);
    if (avx2) sets.push_back(&avx2Set);
#endif
    sets.push_back(&baselineSet);
    return sets;
}

}  // namespace dcn4j::cpu
