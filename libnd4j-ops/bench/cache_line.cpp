#include "cache_line.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>

#include "../src/kernels/cpu/team.h"

namespace dcn4j {
namespace {

/// Alone on its line and the one that is fetched with it.
struct alignas(128) Line {
    std::atomic<int> turn;
};

Line shared;

/// Waits for its turns, every second one, and passes them on. Returns the seconds of all but the
/// first tenth, in which the other thread may still have to come.
double takeTurns(int thread, int turns) {
    constexpr int patience = 10000;
    double start = 0;
    for (int turn = thread; turn < turns; turn += 2) {
        for (int waited = 0; shared.turn.load(std::memory_order_acquire) != turn; ++waited) {
            // Where there is one processor only, the other thread waits for it.
            if (waited >= patience) std::this_thread::yield();
        }
        if (turn <= turns / 10) start = omp_get_wtime();
        shared.turn.store(turn + 1, std::memory_order_release);
    }
    return omp_get_wtime() - start;
}

}  // namespace

double cacheLineNanoseconds() {
    constexpr int turns = 2000, repetitions = 5;
    double best = std::numeric_limits<double>::max();
    for (int i = 0; i < repetitions; ++i) {
        shared.turn = 0;
        cpu::Team team(2);
        double seconds[2] = {};
#pragma omp parallel num_threads(2)
        {
            team.join();
            const int own = omp_get_thread_num();
            if (omp_get_num_threads() == 2) seconds[own] = takeTurns(own, turns);
        }
        best = std::min(best, seconds[0] / (0.9 * turns) * 1e9);
    }
    return best;
}

}  // namespace dcn4j
