// Transpose, plan and the products of every instruction set, each against plain loops.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "../src/kernels/sampling/plane.h"
#include "micro_kernel_test.h"

namespace dcn4j::cpu {
namespace {

class MicroKernel : public MicroKernelTest {
  protected:
    template <class Real>
    void transpose() {
        const auto& kernels = this->kernels<Real>();
        for (const Index rows : {1, 2, 7, 8, 16, 17, 33}) {
            for (const Index columns : {1, 3, 4, 8, 15, 16, 31, 40}) {
                const Index ldFrom = columns + 3, ldTo = rows + 2;
                const auto from = numbers<Real>(rows * ldFrom);
                std::vector<Real> to(static_cast<std::size_t>(columns * ldTo), Real{99});
                kernels.transpose(rows, columns, from.data(), ldFrom, to.data(), ldTo);
                for (Index c = 0; c < columns; ++c) {
                    for (Index r = 0; r < ldTo; ++r) {
                        ASSERT_EQ(to[static_cast<std::size_t>(c * ldTo + r)],
                                  r < rows ? from[static_cast<std::size_t>(r * ldFrom + c)] : 99)
                            << rows << " x " << columns << " at " << r << ", " << c;
                    }
                }
            }
        }
    }

    template <class Real>
    void plan() {
        constexpr Plane<Index> plane{5, 7, 9};
        constexpr Index step = 3;
        const Real inf = std::numeric_limits<Real>::infinity();
        auto y = numbers<Real>(61), x = numbers<Real>(61), modulation = numbers<Real>(61);
        for (Real& v : y) v = 2 + 3 * v;
        for (Real& v : x) v = 3 + 4 * v;
        const Real special[] = {-1,
                                0,
                                4,
                                5,
                                6,
                                7,
                                inf,
                                -inf,
                                Real(std::nan("")),
                                Real(1e30),
                                Real(-1e-30),
                                std::nextafter(Real(-1), Real(0)),
                                std::nextafter(Real(5), Real(0))};
        std::size_t place = 0;
        for (const Real v : special) {
            y[place++] = v;
            x[place++] = v;
        }
        const Index points = static_cast<Index>(y.size());
        std::vector<PlannedSample<Real>> samples(static_cast<std::size_t>(points * step));
        std::vector<Real> baseY(y.size()), baseX(y.size());
        TapPositions<Real> at{y.data(), x.data(), baseY.data(),      baseX.data(),
                              0,        0,        modulation.data(), plane};
        kernels<Real>().plan(points, at, samples.data(), step);
        expectPlanned(y, x, modulation, plane, samples, step);
        at.tapY = 1;
        at.tapX = 2;
        for (std::size_t i = 0; i < y.size(); ++i) {
            baseY[i] = static_cast<Real>(i % 4) - 2;
            baseX[i] = static_cast<Real>(i % 5) - 3;
        }
        // An offset that is lost where it is added to the base before the tap.
        for (const std::size_t i : {std::size_t{0}, y.size() - 1}) {
            y[i] = x[i] = std::numeric_limits<Real>::epsilon() / 4;
            baseY[i] = -at.tapY;
            baseX[i] = -at.tapX;
        }
        kernels<Real>().plan(points, at, samples.data(), step);
        for (std::size_t i = 0; i < y.size(); ++i) {
            y[i] += baseY[i] + at.tapY;
            x[i] += baseX[i] + at.tapX;
        }
        expectPlanned(y, x, modulation, plane, samples, step);
    }

    template <class Real>
    void expectPlanned(const std::vector<Real>& y, const std::vector<Real>& x,
                       const std::vector<Real>& modulation, const Plane<Index>& plane,
                       const std::vector<PlannedSample<Real>>& samples, Index step) {
        for (std::size_t i = 0; i < y.size(); ++i) {
            Sample<Real> expected;
            locate(y[i], x[i], modulation[i], plane, expected);
            const PlannedSample<Real>& s = samples[i * static_cast<std::size_t>(step)];
            for (int c = 0; c < Corners; ++c) {
                EXPECT_EQ(s.pixel[c], expected.pixel[c]) << y[i] << ", " << x[i];
                EXPECT_NEAR(s.weight[c], expected.weight[c], 1e-6) << y[i] << ", " << x[i];
                EXPECT_EQ(s.weight[c] == 0, expected.weight[c] == 0) << y[i] << ", " << x[i];
            }
            EXPECT_EQ(s.fractionY, expected.fractionY) << y[i];
            EXPECT_EQ(s.fractionX, expected.fractionX) << x[i];
            EXPECT_EQ(s.modulation, modulation[i]);
            EXPECT_EQ(s.place, expected.place) << y[i] << ", " << x[i];
        }
    }

    template <class Real>
    void gemm() {
        const auto& kernels = this->kernels<Real>();
        const Index width = kernels.panelWidth;
        for (const Index rows : {1, 5, 6, 11, 12, 13, 31}) {
            for (const Index columns : {Index{1}, width - 1, width, width + 1, 3 * width}) {
                for (const Index depth : {1, 2, 3, 4, 5, 6, 29}) {
                    for (const bool accumulate : {false, true}) {
                        const Index panels = (columns + width - 1) / width;
                        const auto a = numbers<Real>(rows * depth);
                        const auto b = numbers<Real>(panels * depth * width);
                        auto c = numbers<Real>(rows * panels * width);
                        const auto before = c;
                        kernels.gemm(rows, columns, depth, {a.data(), 1, rows},
                                     {b.data(), depth * width, width}, c.data(), panels * width,
                                     accumulate);
                        for (Index i = 0; i < rows; ++i) {
                            for (Index j = 0; j < columns; ++j) {
                                const auto at = static_cast<std::size_t>(i * panels * width + j);
                                double sum = accumulate ? static_cast<double>(before[at]) : 0;
                                for (Index k = 0; k < depth; ++k) {
                                    sum += static_cast<double>(
                                               a[static_cast<std::size_t>(k * rows + i)]) *
                                           static_cast<double>(b[static_cast<std::size_t>(
                                               (j / width * depth + k) * width + j % width)]);
                                }
                                ASSERT_NEAR(static_cast<double>(c[at]), sum, 2e-5)
                                    << rows << " x " << columns << " x " << depth;
                            }
                        }
                    }
                }
            }
        }
    }

    /// Rows of an image that overlap, as those of a kernel do.
    template <class Real>
    void gemmSegments() {
        const auto& kernels = this->kernels<Real>();
        const Index width = kernels.panelWidth, count = 3, rowStride = 4, stride = 200;
        for (const Index rows : {1, 5, 12, 13, 31}) {
            for (const Index columns : {Index{1}, width, 2 * width + 1}) {
                for (const Index depth : {1, 6, 21}) {
                    const Index panels = (columns + width - 1) / width;
                    const auto a = numbers<Real>((count - 1) * stride + rows * rowStride + depth);
                    const auto b = numbers<Real>(panels * count * depth * width);
                    auto c = numbers<Real>(rows * panels * width);
                    kernels.gemmSegments(rows, columns, {a.data(), rowStride, count, depth, stride},
                                         {b.data(), count * depth * width, width}, c.data(),
                                         panels * width);
                    for (Index i = 0; i < rows; ++i) {
                        for (Index j = 0; j < columns; ++j) {
                            double sum = 0;
                            for (Index k = 0; k < count * depth; ++k) {
                                const Index from = k / depth * stride + i * rowStride + k % depth;
                                const Index weight =
                                    (j / width * count * depth + k) * width + j % width;
                                sum += static_cast<double>(a[static_cast<std::size_t>(from)]) *
                                       static_cast<double>(b[static_cast<std::size_t>(weight)]);
                            }
                            const auto at = static_cast<std::size_t>(i * panels * width + j);
                            ASSERT_NEAR(static_cast<double>(c[at]), sum, 4e-5)
                                << rows << " x " << columns << " x " << depth;
                        }
                    }
                }
            }
        }
    }
};

TEST_P(MicroKernel, TransposeOfEverySize) {
    transpose<float>();
    transpose<double>();
}

TEST_P(MicroKernel, PlanAsTheRuleLocates) {
    plan<float>();
    plan<double>();
}

TEST_P(MicroKernel, GemmOfEverySize) {
    gemm<float>();
    gemm<double>();
}

TEST_P(MicroKernel, GemmSegments) {
    gemmSegments<float>();
    gemmSegments<double>();
}

#if defined(__x86_64__) && defined(__linux__)
TEST(InstructionSets, OfTheProcessorAreListedFastestFirst) {
    std::ifstream processors("/proc/cpuinfo");
    std::string line, word;
    while (line.rfind("flags", 0) != 0 && std::getline(processors, line)) continue;
    std::set<std::string> flags;
    for (std::istringstream words(line); words >> word;) flags.insert(word);
    const auto has = [&](const std::vector<const char*>& all) {
        return std::all_of(all.begin(), all.end(), [&](auto flag) { return flags.count(flag); });
    };
    std::vector<std::string> expected{"baseline"};
    if (has({"avx2", "fma", "f16c"})) {
        expected.insert(expected.begin(), "avx2");
        if (has({"avx512f", "avx512dq", "avx512bw", "avx512vl"})) {
            expected.insert(expected.begin(), "avx512");
        }
    }
    std::vector<std::string> listed;
    for (const InstructionSet* set : runnableInstructionSets()) {
        if (set->name != std::string("zen4")) listed.push_back(set->name);
    }
    EXPECT_EQ(listed, expected);
}
#endif

INSTANTIATE_TEST_SUITE_P(EverySet, MicroKernel, testing::ValuesIn(everySet()), nameOfSet);

}  // namespace
}  // namespace dcn4j::cpu
