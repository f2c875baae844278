#include "fma_peak.h"

#include <omp.h>

namespace dcn4j {
namespace {

template <int Bytes>
struct VectorOf {
    typedef float Type __attribute__((vector_size(Bytes)));
};

// Independent sums: more than the latency of a multiply-add times the units that a core has, and
// no more than 16 registers hold beside the factors.
constexpr int sums = 12;
// Some milliseconds: many times what a sleeping thread takes to wake.
constexpr int steps = 1000000;

template <int Bytes>
inline __attribute__((always_inline)) void multiplyAdd() {
    using V = typename VectorOf<Bytes>::Type;
    V sum[sums] = {}, factor = V{} + 0.5f, addend = V{} + 1.0f;
    // Values that the compiler knows nothing of.
    asm volatile("" : "+m"(factor), "+m"(addend));
    for (int step = 0; step < steps; ++step) {
#pragma GCC unroll 16
        for (int i = 0; i < sums; ++i) sum[i] = sum[i] * factor + addend;
    }
    asm volatile("" : "+m"(sum));
}

/// One thread's work on an instruction set, and the multiply-adds that a step has at once.
struct Work {
    void (*run)();
    int lanes;
};

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void onAvx512() {
    multiplyAdd<64>();
}
__attribute__((target("avx2,fma"))) void onAvx2() {
    multiplyAdd<32>();
}
#endif
void onBaseline() {
    multiplyAdd<16>();
}

Work work() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return {onAvx512, 64 / sizeof(float)};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return {onAvx2, 32 / sizeof(float)};
    }
#endif
    return {onBaseline, 16 / sizeof(float)};
}

}  // namespace

double fmaPeak(int threads) {
    const Work w = work();
    double best = 0;
    for (int repetition = 0; repetition < 5; ++repetition) {
        const double start = omp_get_wtime();
#pragma omp parallel num_threads(threads)
        w.run();
        const double seconds = omp_get_wtime() - start;
        const double rate = 2.0 * threads * w.lanes * sums * steps / seconds;
        if (rate > best) best = rate;
    }
    return best;
}

}  // namespace dcn4j
