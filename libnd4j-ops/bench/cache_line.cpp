#include "cache_line.h"

#include <omp.h>

#include <atomic>
#include <thread>

#include "../src/kernels/cpu/team.h"

namespace dcn4j {

double cacheLineNanoseconds() {
    constexpr int exchanges = 4000, toWarmUp = 400, patience = 10000;
    std::atomic<int> line{0};
    double start = 0;
    cpu::Team team(2);
#pragma omp parallel num_threads(2)
    {
        team.join();
        // The line is each thread's in turn.
        for (int i = omp_get_thread_num(); i < exchanges; i += omp_get_num_threads()) {
            for (int waited = 0; line.load(std::memory_order_acquire) != i; ++waited) {
                // Where there is one processor only, the other thread waits for it.
                if (waited >= patience) std::this_thread::yield();
            }
            if (i == toWarmUp) start = omp_get_wtime();
            line.store(i + 1, std::memory_order_release);
        }
    }
    return (omp_get_wtime() - start) / (exchanges - toWarmUp) * 1e9;
}

}  // namespace dcn4j
