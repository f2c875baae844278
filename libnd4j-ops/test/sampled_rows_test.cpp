// Gather, gatherSum, scatter and what samples touch, of every instruction set, each against plain
// loops in double.
#include <algorithm>
#include <cmath>
#include <limits>

#include "../src/kernels/sampling/plane.h"
#include "micro_kernel_test.h"

namespace dcn4j::cpu {
namespace {

constexpr Index height = 6, width = 5, pixels = height * width;
constexpr Index points = 7;

std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}

/// An image with a row of zeros after it, and samples of every kind.
template <class Real>
struct Samples {
    Index taps, imageLd;
    std::vector<Real> image;
    std::vector<PlannedSample<Real>> planned;  ///< [points][taps]

    Samples(std::mt19937& random, Index taps_, Index imageLd_)
        : taps(taps_), imageLd(imageLd_), planned(at(points * taps_)) {
        std::normal_distribution<Real> normal;
        for (Index i = 0; i < pixels * imageLd; ++i) image.push_back(normal(random));
        image.resize(at((pixels + 1) * imageLd));
        int kind = 0;
        for (PlannedSample<Real>& s : planned) {
            const Real y = 2 + 3 * normal(random), x = 2 + 3 * normal(random);
            const Real modulation = normal(random);
            switch (kind++ % 7) {
                case 0:
                    locatePixel(static_cast<Index>(y), static_cast<Index>(x), modulation,
                                {height, width}, s);
                    break;
                case 1:  // on the border, where there are slopes without a value
                    locate(Real{-1}, x, modulation, {height, width}, s);
                    break;
                case 2:
                    locate(std::floor(y), x, modulation, {height, width}, s);
                    break;
                default:
                    locate(y, x, modulation, {height, width}, s);
            }
        }
    }

    const PlannedSample<Real>& sample(Index point, Index tap) const {
        return planned[at(point * taps + tap)];
    }
    double corner(const PlannedSample<Real>& s, int i, Index channel) const {
        return static_cast<double>(image[at(static_cast<Index>(s.pixel[i]) * imageLd + channel)]);
    }
    double value(Index point, Index tap, Index channel) const {
        const PlannedSample<Real>& s = sample(point, tap);
        double sum = 0;
        for (int i = 0; i < Corners; ++i) {
            sum += static_cast<double>(s.weight[i]) * corner(s, i, channel);
        }
        return sum * static_cast<double>(s.modulation);
    }
};

class SampledRows : public MicroKernelTest {
  protected:
    /// Of samples of every kind, and of some that are all outside.
    template <class Real>
    void touched() {
        for (Index count = 0; count < points; ++count) {
            const Samples<Real> s(random_, 1, 4);
            Index first = pixels, end = 0;
            for (Index p = 0; p < count; ++p) {
                for (const auto pixel : s.sample(p, 0).pixel) {
                    if (pixel == pixels) continue;
                    first = std::min<Index>(first, pixel);
                    end = std::max<Index>(end, pixel + 1);
                }
            }
            const RowSpan span = kernels<Real>().touched(count, s.planned.data(), pixels);
            EXPECT_EQ(span.first, end == 0 ? 0 : first) << count;
            EXPECT_EQ(span.end, end) << count;
        }
        std::vector<PlannedSample<Real>> outside(5);
        for (auto& s : outside) locate(Real{-2}, Real{1}, Real{1}, {height, width}, s);
        const RowSpan span = kernels<Real>().touched(5, outside.data(), pixels);
        EXPECT_EQ(span.first, span.end);
        for (auto& s : outside) locate(Real{-0.5}, Real{-0.5}, Real{1}, {height, width}, s);
        const RowSpan corner = kernels<Real>().touched(5, outside.data(), pixels);
        EXPECT_EQ(corner.first, 0);
        EXPECT_EQ(corner.end, 1);
    }

    template <class Real>
    void gather() {
        for (const Index taps : {1, 9}) {
            for (const Index channels : {4, 8, 12, 16, 20, 32, 36, 64}) {
                const Samples<Real> s(random_, taps, channels + 8);
                const Index ld = taps * channels + 3;
                std::vector<Real> column(at(points * ld), Real{99});
                kernels<Real>().gather({points, taps, channels, s.planned.data(), s.image.data(),
                                        s.imageLd, column.data(), ld});
                for (Index p = 0; p < points; ++p) {
                    for (Index i = 0; i < ld; ++i) {
                        const double want =
                            i >= taps * channels ? 99 : s.value(p, i / channels, i % channels);
                        ASSERT_NEAR(static_cast<double>(column[at(p * ld + i)]), want, 1e-5)
                            << taps << " taps, " << channels << " channels, entry " << i;
                    }
                }
            }
        }
    }

    template <class Real>
    void gatherSum() {
        for (const Index taps : {1, 9}) {
            for (const Index channels : {4, 12, 16, 36, 64, 132}) {
                for (const Index inputs : {1, 3}) {
                    for (const Index outputs : {1, 2, 7}) {
                        sum<Real>(taps, channels, inputs, outputs);
                    }
                }
            }
        }
    }

    template <class Real>
    void scatter() {
        for (const Index taps : {1, 9}) {
            for (const Index channels : {1, 3, 4, 7, 16, 19, 30, 32, 64, 70}) {
                scatterOf<Real>(taps, channels);
            }
        }
    }

    /// A sample outside whose gradient is infinite has no gradient that is a number.
    template <class Real>
    void scatterOutside() {
        const Real inf = std::numeric_limits<Real>::infinity();
        for (const Index channels : {4, 16, 68}) {
            for (const Real y : {Real{-3}, Real{-1}}) {
                Samples<Real> s(random_, 1, channels);
                for (PlannedSample<Real>& p : s.planned) locate(y, y, Real{1}, {height, width}, p);
                std::vector<Real> grad(at(points * channels), Real{1}), gradImage(s.image.size());
                std::vector<Real> gradSamples(at(3 * points));
                for (Index p = 0; p < points; ++p) {
                    grad[at(p * channels + p % channels)] = p % 2 == 0 ? inf : Real{1};
                }
                kernels<Real>().scatter({points, 1, channels, s.planned.data(), s.image.data(),
                                         channels, grad.data(), channels, gradImage.data(),
                                         gradSamples.data()});
                for (Index p = 0; p < points; ++p) {
                    const Real gradModulation = gradSamples[at(2 * points + p)];
                    if (p % 2 == 0) {
                        EXPECT_TRUE(std::isnan(gradModulation)) << y;
                    } else {
                        EXPECT_EQ(gradModulation, 0) << y;
                    }
                    if (y < -1) {
                        EXPECT_EQ(std::isnan(gradSamples[at(p)]), p % 2 == 0);
                        EXPECT_EQ(std::isnan(gradSamples[at(points + p)]), p % 2 == 0);
                    }
                }
                for (const Real g : gradImage) EXPECT_EQ(g, 0);
            }
        }
    }

  private:
    template <class Real>
    void sum(Index taps, Index channels, Index inputs, Index outputs) {
        const Samples<Real> s(random_, taps, inputs * channels + 4);
        const auto weights = numbers<Real>(taps * inputs * outputs * channels);
        const Index ld = outputs * channels + 3;
        auto output = numbers<Real>(points * ld);
        const auto before = output;
        kernels<Real>().gatherSum({points, taps, channels, inputs, outputs, s.planned.data(),
                                   s.image.data(), s.imageLd, weights.data(), output.data(), ld});
        for (Index p = 0; p < points; ++p) {
            for (Index i = 0; i < ld; ++i) {
                const auto place = at(p * ld + i);
                double want = static_cast<double>(before[place]);
                if (i < outputs * channels) {
                    want = 0;
                    for (Index tap = 0; tap < taps; ++tap) {
                        for (Index in = 0; in < inputs; ++in) {
                            const Index row = (tap * inputs + in) * outputs + i / channels;
                            want +=
                                static_cast<double>(weights[at(row * channels + i % channels)]) *
                                s.value(p, tap, in * channels + i % channels);
                        }
                    }
                }
                ASSERT_NEAR(static_cast<double>(output[place]), want, 1e-4)
                    << taps << " taps, " << channels << " groups of " << inputs << " to " << outputs
                    << ", entry " << i;
            }
        }
    }

    template <class Real>
    void scatterOf(Index taps, Index channels) {
        const Index padded =
            (channels + rowAlignment<Real> - 1) / rowAlignment<Real> * rowAlignment<Real>;
        const Samples<Real> s(random_, taps, padded + 4);
        const Index ld = taps * padded + 5;
        const auto grad = numbers<Real>(points * ld);
        auto column = grad;
        std::vector<Real> gradImage(s.image.size());
        std::vector<Real> gradSamples(at(3 * taps * points), Real{99});
        kernels<Real>().scatter({points, taps, channels, s.planned.data(), s.image.data(),
                                 s.imageLd, column.data(), ld, gradImage.data(),
                                 gradSamples.data()});
        std::vector<double> wantImage(gradImage.size());
        for (Index p = 0; p < points; ++p) {
            for (Index tap = 0; tap < taps; ++tap) {
                const PlannedSample<Real>& sample = s.sample(p, tap);
                const auto modulation = static_cast<double>(sample.modulation);
                double dot[Corners] = {}, gradModulation = 0;
                for (Index c = 0; c < channels; ++c) {
                    const auto g = static_cast<double>(grad[at(p * ld + tap * padded + c)]);
                    for (int i = 0; i < Corners; ++i) {
                        dot[i] += g * s.corner(sample, i, c);
                        gradModulation +=
                            static_cast<double>(sample.weight[i]) * g * s.corner(sample, i, c);
                        wantImage[at(static_cast<Index>(sample.pixel[i]) * s.imageLd + c)] +=
                            static_cast<double>(sample.weight[i]) * g * modulation;
                    }
                    ASSERT_NEAR(static_cast<double>(column[at(p * ld + tap * padded + c)]),
                                s.value(p, tap, c), 1e-5);
                }
                const auto fy = static_cast<double>(sample.fractionY);
                const auto fx = static_cast<double>(sample.fractionX);
                const double slopes[] = {fx * (dot[BottomRight] - dot[TopRight]) +
                                             (1 - fx) * (dot[BottomLeft] - dot[TopLeft]),
                                         fy * (dot[BottomRight] - dot[BottomLeft]) +
                                             (1 - fy) * (dot[TopRight] - dot[TopLeft])};
                // Of a pixel itself nobody asks for slopes.
                for (int i = sample.place == AtPixel ? 2 : 0; i < 3; ++i) {
                    ASSERT_NEAR(static_cast<double>(gradSamples[at((tap * 3 + i) * points + p)]),
                                i == 2 ? gradModulation : modulation * slopes[i], 3e-4)
                        << channels << " channels, tap " << tap << ", gradient " << i;
                }
            }
        }
        for (std::size_t i = 0; i < wantImage.size(); ++i) {
            if (i >= at(pixels * s.imageLd)) break;  // what falls outside
            ASSERT_NEAR(static_cast<double>(gradImage[i]), wantImage[i], 1e-4);
        }
    }
};

TEST_P(SampledRows, Touched) {
    touched<float>();
    touched<double>();
}

TEST_P(SampledRows, Gather) {
    gather<float>();
    gather<double>();
}

TEST_P(SampledRows, GatherSum) {
    gatherSum<float>();
    gatherSum<double>();
}

TEST_P(SampledRows, Scatter) {
    scatter<float>();
    scatter<double>();
}

TEST_P(SampledRows, ScatterOfSamplesOutsideWithInfiniteGradients) {
    scatterOutside<float>();
    scatterOutside<double>();
}

INSTANTIATE_TEST_SUITE_P(EverySet, SampledRows, testing::ValuesIn(everySet()), nameOfSet);

}  // namespace
}  // namespace dcn4j::cpu
