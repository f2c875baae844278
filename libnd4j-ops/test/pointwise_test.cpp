// One suite over every kernel of single numbers: against the definitions in double, and where not
// even NaN and infinity may go astray.
#include "../src/kernels/pointwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "array.h"
#include "kernels_under_test.h"

namespace dcn4j {
namespace {

/// Some of the channels of an array, as a layer's mask is of its predictions.
constexpr Index allChannels = 7, firstChannel = 4;

template <class Element>
Tensor<4> someChannels(const Array<Element>& array) {
    Tensor<4> t = array.tensor();
    t.data = static_cast<Element*>(t.data) + firstChannel * t.strides[1];
    return t;
}

class EveryPointwise
    : public testing::TestWithParam<std::tuple<const PointwiseKernel*, Layout, Index>> {
  protected:
    const PointwiseKernel& kernel() const { return *std::get<0>(GetParam()); }
    Layout layout() const { return std::get<1>(GetParam()); }
    Index width() const { return std::get<2>(GetParam()); }

    template <class Element>
    struct Problem {
        Problem(Layout layout, Index width)
            : shape{typeOf<Element>(), {3, allChannels - firstChannel, 5, width}},
              x({3, allChannels, 5, width}, layout),
              y({3, allChannels - firstChannel, 5, width}, Layout::Contiguous),
              to({3, allChannels, 5, width}, layout) {
            std::mt19937 random(5);
            std::normal_distribution<double> normal(0, 4);
            for (Array<Element>* array : {&x, &y, &to}) {
                array->forEach([&](Element& e) {
                    e = narrow<Element>(static_cast<ComputeType<Element>>(normal(random)));
                });
            }
            before = to.values();
        }

        /// Compares what came of x and y with `expected` of these numbers, and other channels with
        /// what they were.
        template <class Expected>
        void check(double tolerance, Expected expected) {
            const auto xs = x.values(), ys = y.values(), got = to.values();
            const Index plane = shape.sizes[2] * shape.sizes[3], mine = shape.sizes[1];
            for (std::size_t i = 0; i < got.size(); ++i) {
                const Index at = static_cast<Index>(i), c = at / plane % allChannels;
                if (c < firstChannel) {
                    ASSERT_EQ(got[i], before[i]) << i;
                    continue;
                }
                const Index n = at / plane / allChannels;
                const double yi = ys[static_cast<std::size_t>(
                    (n * mine + c - firstChannel) * plane + at % plane)];
                const double want = expected(xs[i], yi);
                ASSERT_NEAR(got[i], want, tolerance * std::max(std::fabs(want), 1e-3)) << i;
            }
            EXPECT_TRUE(to.guardsIntact());
        }

        PointwiseShape shape;
        Array<Element> x, y, to;
        std::vector<double> before;
    };

    template <class Element>
    void computes(double tolerance) {
        for (int threads : {1, 3}) {
            Problem<Element> sigmoid(layout(), width()), slope(layout(), width());
            kernel().sigmoid(sigmoid.shape, someChannels(sigmoid.x), someChannels(sigmoid.to),
                             threads);
            sigmoid.check(tolerance, [](double x, double) { return 1 / (1 + std::exp(-x)); });
            kernel().sigmoidGradient(slope.shape, someChannels(slope.x), slope.y.tensor(),
                                     someChannels(slope.to), threads);
            slope.check(4 * tolerance, [](double s, double g) { return g * s * (1 - s); });
        }
    }
};

TEST_P(EveryPointwise, ComputesInEveryType) {
    computes<float>(3e-7);
    computes<double>(1e-15);
    computes<Float16>(1e-3);
    computes<BFloat16>(8e-3);
}

std::vector<Index> widths() {
    return {1, 9, 64, 103};
}

std::string nameOf(const testing::TestParamInfo<EveryPointwise::ParamType>& info) {
    static const char* const layouts[] = {"contiguous", "channels_last", "reversed", "spread"};
    return std::string(std::get<0>(info.param)->name()) + "_" +
           layouts[static_cast<int>(std::get<1>(info.param))] + "_" +
           std::to_string(std::get<2>(info.param));
}

INSTANTIATE_TEST_SUITE_P(, EveryPointwise,
                         testing::Combine(testing::ValuesIn(pointwiseKernelsUnderTest()),
                                          testing::Values(Layout::Contiguous, Layout::ChannelsLast,
                                                          Layout::Reversed, Layout::Spread),
                                          testing::ValuesIn(widths())),
                         nameOf);

class Sigmoid : public testing::TestWithParam<const PointwiseKernel*> {
  protected:
    template <class Real>
    std::vector<double> of(const std::vector<double>& x) {
        const Index count = static_cast<Index>(x.size());
        Array<Real> from({1, 1, 1, count}, Layout::Contiguous),
            to({1, 1, 1, count}, Layout::Contiguous);
        std::size_t i = 0;
        from.forEach([&](Real& e) { e = static_cast<Real>(x[i++]); });
        GetParam()->sigmoid({typeOf<Real>(), {1, 1, 1, count}}, from.tensor(), to.tensor(), 1);
        return to.values();
    }

    /// In units of the last place of what is right, of x from -80 to 80.
    template <class Real>
    void isWithin(double places) {
        std::vector<double> x;
        for (int i = -80000; i <= 80000; ++i) {
            x.push_back(static_cast<double>(static_cast<Real>(i * 1e-3)));
        }
        const auto got = of<Real>(x);
        for (std::size_t i = 0; i < x.size(); ++i) {
            const long double want = 1 / (1 + std::exp(-static_cast<long double>(x[i])));
            ASSERT_LE(std::fabs(got[i] - want),
                      places * std::numeric_limits<Real>::epsilon() * want)
                << x[i];
        }
    }
};

TEST_P(Sigmoid, IsExactToTwoPlaces) {
    isWithin<float>(2);
    isWithin<double>(2);
}

/// As ND4J's own sigmoid has it.
TEST_P(Sigmoid, IsZeroOnlyWhereTheExponentialIsInfinite) {
    const auto expectNear = [](const std::vector<double>& x, const std::vector<double>& got,
                               double epsilon, double least) {
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double want =
                static_cast<double>(1 / (1 + std::exp(-static_cast<long double>(x[i]))));
            EXPECT_NEAR(got[i], want, 4 * epsilon * want + least) << x[i];
            EXPECT_GT(got[i], 0) << x[i];
        }
    };
    const std::vector<double> x{-86.5, -87, -87.25, -87.5, -88, -88.5, -88.71875};
    expectNear(x, of<float>(x), 0x1p-23, 0x1p-149);
    const std::vector<double> y{-707.5, -708, -708.25, -708.5, -709, -709.5, -709.78125};
    expectNear(y, of<double>(y), 0x1p-52, 0x1p-1074);
    for (const double value : of<float>({-88.75, -89, -100, -104})) EXPECT_EQ(value, 0);
    for (const double value : of<double>({-709.79, -710, -745, -800})) EXPECT_EQ(value, 0);
}

TEST_P(Sigmoid, OfExtremesIsInZeroToOneAndOfNanIsNan) {
    const double inf = std::numeric_limits<double>::infinity();
    for (const auto& got : {of<float>({-inf, -1e30, -110, 0, 200, 1e30, inf, std::nan("")}),
                            of<double>({-inf, -1e300, -1e3, 0, 1e3, 1e300, inf, std::nan("")})}) {
        for (int i : {0, 1, 2}) EXPECT_EQ(got[static_cast<std::size_t>(i)], 0);
        EXPECT_EQ(got[3], 0.5);
        for (int i : {4, 5, 6}) EXPECT_EQ(got[static_cast<std::size_t>(i)], 1);
        EXPECT_TRUE(std::isnan(got[7]));
    }
}

INSTANTIATE_TEST_SUITE_P(, Sigmoid, testing::ValuesIn(pointwiseKernelsUnderTest()),
                         [](const auto& kernel) { return kernel.param->name(); });

}  // namespace
}  // namespace dcn4j
