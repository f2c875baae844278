// Calls that are timed one by one.
#pragma once

#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>
#include <limits>

namespace dcn4j {

/// Measures a call, and counts the `least` seconds that one took beside the mean of all: on a host
/// that is shared, and beside a peer of which the least is known, the mean says little.
template <class Call>
void timeCalls(benchmark::State& state, Call call) {
    double least = std::numeric_limits<double>::infinity();
    for (auto _ : state) {
        const double start = omp_get_wtime();
        call();
        least = std::min(least, omp_get_wtime() - start);
    }
    state.counters["least"] = least;
}

}  // namespace dcn4j
