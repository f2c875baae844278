// oneDNN's plain convolution of the same shapes.
#include <benchmark/benchmark.h>

#include "onednn_convolution.h"
#include "shapes.h"

namespace dcn4j {

void registerPeers() {
    for (const Shape& shape : shapes()) {
        for (const bool forward : {true, false}) {
            benchmark::RegisterBenchmark(
                ((forward ? "forward/" : "backward/") + shape.name() + "/oneDNN plain").c_str(),
                [&shape, forward](benchmark::State& state) {
                    OneDnnConvolution convolution(shape.geometry());
                    for (auto _ : state) forward ? convolution.forward() : convolution.backward();
                    state.counters["rate"] =
                        benchmark::Counter((forward ? 1 : 2) * shape.flops(),
                                           benchmark::Counter::kIsIterationInvariantRate);
                })
                ->Unit(benchmark::kMillisecond)
                ->MeasureProcessCPUTime()
                ->UseRealTime();
        }
    }
}

}  // namespace dcn4j
