// What the Java benchmark compares with and can't reach from Java: the rate of fused multiply-adds,
// and oneDNN's plain convolution where that is installed; and which of our kernels calls use here.
// It reads one question a line and answers each with one line, so that the contenders of another
// process can take turns with these.
//
//   kernel                                          its name
//   fma                                             GFLOP/s in float
//   line                                            nanoseconds that a cache line takes from one
//                                                   thread to another
//   forward|backward N C H=W O groups stride k      milliseconds of a convolution of floats with
//                                                   k x k taps and padding k / 2, or "absent"
//                                                   without oneDNN
//
// On as many threads as OMP_NUM_THREADS says.
#include <omp.h>

#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

#include "../src/kernels/deformable_conv2d.h"
#include "../src/kernels/registry.h"
#include "cache_line.h"
#include "fma_peak.h"
#ifdef DCN4J_PEERS
#include "onednn_convolution.h"
#endif

namespace dcn4j {
namespace {

#ifdef DCN4J_PEERS
Conv2dGeometry geometry(std::istream& in) {
    Conv2dGeometry g{};
    in >> g.batch >> g.channels >> g.height >> g.outChannels >> g.groups >> g.strideH >> g.kernelH;
    g.width = g.height;
    g.strideW = g.strideH;
    g.kernelW = g.kernelH;
    g.padTop = g.padLeft = g.kernelH / 2;
    g.dilationH = g.dilationW = g.offsetGroups = 1;
    g.outHeight = g.outWidth = (g.height + 2 * g.padTop - g.kernelH) / g.strideH + 1;
    return g;
}

/// The convolution that a shape's words describe, kept for the next question.
OneDnnConvolution& convolution(const std::string& shape) {
    static std::map<std::string, std::unique_ptr<OneDnnConvolution>> kept;
    std::unique_ptr<OneDnnConvolution>& c = kept[shape];
    if (c == nullptr) {
        std::istringstream words(shape);
        c = std::make_unique<OneDnnConvolution>(geometry(words));
    }
    return *c;
}
#endif

std::string answer(const std::string& question) {
    std::istringstream words(question);
    std::string what, rest;
    words >> what >> std::ws;
    std::getline(words, rest);
    if (what == "kernel") return Registry<DeformableConv2dKernel>::all().front()->name();
    if (what == "fma") {
        return std::to_string(fmaPeak(omp_get_max_threads()) / 1e9);
    }
    if (what == "line") return std::to_string(cacheLineNanoseconds());
    if (what != "forward" && what != "backward") {
        throw std::invalid_argument("expected kernel, fma, line, forward or backward, got '" +
                                    question + "'");
    }
#ifdef DCN4J_PEERS
    OneDnnConvolution& c = convolution(rest);
    const double start = omp_get_wtime();
    what == "forward" ? c.forward() : c.backward();
    return std::to_string((omp_get_wtime() - start) * 1e3);
#else
    return "absent";
#endif
}

}  // namespace
}  // namespace dcn4j

int main() {
    for (std::string question; std::getline(std::cin, question);) {
        std::cout << dcn4j::answer(question) << std::endl;
    }
}
