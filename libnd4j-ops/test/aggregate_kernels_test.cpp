// Aggregate and scatterAggregate of every instruction set, each against plain loops.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "../src/kernels/sampling/plane.h"
#include "micro_kernel_test.h"

namespace dcn4j::cpu {
namespace {

/// What every vector's lanes divide.
constexpr Index mostLanes = 16;
constexpr Index pixels = 5;  ///< of the output

std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}

/// A plane of values. Its scale is a power of two, so that a sample can be put on any number.
struct Level {
    Index height, width, scale;
};
const Level levels[] = {{5, 7, 1}, {1, 1, 4}, {3, 2, 2}};

/// Samples [pixels][groups][levels][taps of a level] of every kind. To the micro-kernels a pixel's
/// groups are points.
template <class Real>
struct Samples {
    using Pixel = typename AggregateSamples<Real>::Pixel;

    Index levelCount, groups, taps;  ///< taps of all levels
    std::vector<Index> firstPixels{0};
    std::vector<Real> location, weight, originY, originX, startY, startX, scaleY, scaleX, height,
        width;

    /// `position` gives a sample's x (0) or y (1) in a level of that width or height.
    template <class Position>
    Samples(Index levels_, Index groups_, Index levelTaps, std::mt19937& random, Position position)
        : levelCount(levels_), groups(groups_), taps(levels_ * levelTaps) {
        for (Index l = 0; l < levelCount; ++l) {
            firstPixels.push_back(firstPixels.back() + 1 +
                                  (levels[l].height + 3) * (levels[l].width + 2));
        }
        for (Index i = 0; i < std::lcm(groups * taps, mostLanes); ++i) {
            const Level& level = levelOf(i);
            startY.push_back(static_cast<Real>(i % 3 - 1));
            startX.push_back(static_cast<Real>(i % 5 - 2));
            scaleY.push_back(static_cast<Real>(level.scale));
            scaleX.push_back(static_cast<Real>(level.scale) / 2);
            height.push_back(static_cast<Real>(level.height));
            width.push_back(static_cast<Real>(level.width));
        }
        std::normal_distribution<Real> normal;
        for (Index i = 0; i < count() + mostLanes; ++i) {
            const auto k = at(i % period());
            originY.push_back(static_cast<Real>(i % 4) - Real(0.5));
            originX.push_back(static_cast<Real>(i % 7));
            weight.push_back(normal(random));
            location.push_back((position(levelOf(i).width, i, 0) - originX.back()) / scaleX[k] -
                               startX[k]);
            location.push_back((position(levelOf(i).height, i, 1) - originY.back()) / scaleY[k] -
                               startY[k]);
        }
    }

    Index points() const { return pixels * groups; }
    Index count() const { return points() * taps; }
    Index period() const { return static_cast<Index>(startY.size()); }
    /// With the zeros around them, which begin with a pixel and a row.
    Index imagePixels() const { return firstPixels.back(); }
    static Index widthOf(const Level& level) { return level.width + 2; }
    Index pixelOf(Index l, Index y, Index x) const {
        return firstPixels[at(l)] + 1 + (y + 1) * widthOf(levels[l]) + x;
    }
    /// The row of an image that is pixel `p` of a sample's level.
    Index rowOf(Index i, Index p) const {
        const Level& level = levelOf(i);
        const Index pixel = pixelOf(levelNumber(i), p / level.width, p % level.width);
        return pixel * groups + groupOf(i);
    }
    Index levelNumber(Index i) const { return i % taps / (taps / levelCount); }
    Index groupOf(Index i) const { return i / taps % groups; }
    const Level& levelOf(Index i) const { return levels[levelNumber(i)]; }

    Real y(Index i) const {
        const auto k = at(i % period());
        return originY[at(i)] + (startY[k] + location[at(2 * i + 1)]) * scaleY[k];
    }
    Real x(Index i) const {
        const auto k = at(i % period());
        return originX[at(i)] + (startX[k] + location[at(2 * i)]) * scaleX[k];
    }
    /// Of an image with rows `ld` apart.
    AggregateSamples<Real> view(Index ld) {
        base.clear(), below.clear();
        for (Index i = 0; i < period(); ++i) {
            base.push_back(static_cast<Pixel>(rowOf(i, 0) * ld));
            below.push_back(static_cast<Pixel>(widthOf(levelOf(i)) * groups * ld));
        }
        return {count(),
                period(),
                location.data(),
                weight.data(),
                {originY.data(), startY.data(), scaleY.data(), height.data()},
                {originX.data(), startX.data(), scaleX.data(), width.data()},
                base.data(),
                below.data(),
                static_cast<Pixel>(groups * ld)};
    }

    /// The value of a sample of an image with rows `ld` apart, without its weight.
    double value(Index i, const std::vector<Real>& image, Index ld, Index channel) const {
        const Level& level = levelOf(i);
        const auto sampleY = static_cast<double>(y(i)), sampleX = static_cast<double>(x(i));
        const auto h = static_cast<double>(level.height), w = static_cast<double>(level.width);
        if (!(sampleY > -1 && sampleY < h && sampleX > -1 && sampleX < w)) return 0;
        double sum = 0;
        for (Index p = 0; p < level.height * level.width; ++p) {
            const double overY = 1 - std::abs(sampleY - static_cast<double>(p / level.width));
            const double overX = 1 - std::abs(sampleX - static_cast<double>(p % level.width));
            if (overY <= 0 || overX <= 0) continue;
            sum += overY * overX * static_cast<double>(image[at(rowOf(i, p) * ld + channel)]);
        }
        return sum;
    }

    /// An image: normal numbers or `number`, zeros around each level.
    std::vector<Real> image(Index ld, std::mt19937& random) const {
        std::normal_distribution<Real> normal;
        return imageOf(ld, [&] { return normal(random); });
    }
    std::vector<Real> image(Index ld, Real number) const {
        return imageOf(ld, [&] { return number; });
    }
    /// Whether a pixel is in a level, and not around it.
    bool isInside(Index pixel) const {
        for (Index l = 0; l < levelCount; ++l) {
            const Level& level = levels[l];
            const Index from = pixel - pixelOf(l, 0, 0), row = from / widthOf(level);
            if (from >= 0 && row < level.height && from % widthOf(level) < level.width) return true;
        }
        return false;
    }

  private:
    std::vector<Pixel> base, below;

    template <class Number>
    std::vector<Real> imageOf(Index ld, Number number) const {
        std::vector<Real> all(at(imagePixels() * groups * ld));
        for (Index i = 0; i < static_cast<Index>(all.size()); ++i) {
            if (isInside(i / ld / groups)) all[at(i)] = number();
        }
        return all;
    }
};

class AggregateKernel : public MicroKernelTest {
  protected:
    /// Runs `check` for samples at random and in places that matter.
    template <class Real, class Check>
    void forSamples(Check check) {
        const Real inf = std::numeric_limits<Real>::infinity(), nan = std::nan("");
        std::normal_distribution<Real> normal;
        const auto position = [&](Index size, Index i, int xy) -> Real {
            const auto end = static_cast<Real>(size);
            const Real special[] = {-1, 0,   end,  end - 1, Real(-0.5), end - Real(0.5),
                                    -3, inf, -inf, nan,     Real(1e30), end + 2};
            // Now one coordinate, now both.
            const bool isSpecial = i % 3 == 0 || i % 4 == xy;
            return isSpecial ? special[(i / 3 + i / 4) % 12] : end / 2 + end / 2 * normal(random_);
        };
        for (const Index levelCount : {1, 3}) {
            for (const Index groups : {1, 3}) {
                for (const Index levelTaps : {1, 4, 9}) {
                    check(Samples<Real>(levelCount, groups, levelTaps, random_, position));
                }
            }
        }
    }

    template <class Real>
    void aggregate() {
        forSamples<Real>([&](Samples<Real> s) {
            for (const Index channels : {1, 3, 4, 7, 16, 33, 64, 70, 132}) {
                const Index padded = paddedTo<Real>(channels), ld = padded + 3;
                const auto image = s.image(ld, random_);
                const auto output = sums(s, channels, image, ld);
                for (Index point = 0; point < s.points(); ++point) {
                    for (Index c = 0; c < ld; ++c) {
                        const Real sum = output[at(point * ld + c)];
                        if (c >= channels) {  // the padding is anything, what follows is not ours
                            ASSERT_TRUE(c < padded || sum == 99) << channels << " channels";
                            continue;
                        }
                        double want = 0;
                        for (Index i = point * s.taps; i < (point + 1) * s.taps; ++i) {
                            want += static_cast<double>(s.weight[at(i)]) * s.value(i, image, ld, c);
                        }
                        ASSERT_NEAR(static_cast<double>(sum), want, 1e-4)
                            << s.taps << " taps of " << s.levelCount << " levels, " << s.groups
                            << " groups, " << channels << " channels, point " << point;
                    }
                }
            }
        });
    }

    /// A sample outside is zero whatever the pixels hold, at -1 exactly too.
    template <class Real>
    void aggregateOutside() {
        const Real inf = std::numeric_limits<Real>::infinity(), nan = std::nan("");
        const Real outside[] = {-1, -3, inf, -inf, nan, Real(1e30), Real(-1e30)};
        const auto position = [&](Index size, Index i, int xy) -> Real {
            if (i % 2 == xy) return static_cast<Real>(i % size);  // the other coordinate is outside
            return i % 8 == 7 ? static_cast<Real>(size) : outside[i % 7];
        };
        for (const Index channels : {1, 4, 16, 68}) {
            Samples<Real> s(3, 3, 4, random_, position);
            const Index ld = paddedTo<Real>(channels);
            const auto output = sums(s, channels, s.image(ld, nan), ld);
            for (Index i = 0; i < s.points() * ld; ++i) {
                ASSERT_TRUE(i % ld >= channels || output[at(i)] == 0)
                    << channels << " channels, entry " << i << ": " << output[at(i)];
            }
        }
    }

    template <class Real>
    void scatterAggregate() {
        forSamples<Real>([&](Samples<Real> s) {
            for (const Index channels : {1, 4, 7, 16, 33, 70}) {
                const Index padded = paddedTo<Real>(channels), ld = padded + 3;
                const auto image = s.image(ld, random_);
                auto grad = numbers<Real>(s.points() * ld);
                for (Index i = 0; i < s.points() * ld; ++i) {
                    if (i % ld >= channels) grad[at(i)] = 0;
                }
                Scattered<Real> got{std::vector<Real>(image.size(), Real{5}),
                                    std::vector<Real>(at(2 * (s.count() + mostLanes)), Real{99}),
                                    std::vector<Real>(at(s.count() + mostLanes), Real{99})};
                // Some pixels are set; where samples reach further, zeros are wanted.
                RowSpan set{s.imagePixels() / 3, s.imagePixels() / 2};
                kernels<Real>().scatterAggregate(
                    {s.taps, channels, s.view(ld), image.data(), ld},
                    {grad.data(), got.image.data(), &set, got.location.data(), got.weight.data()});
                expectScattered(s, channels, ld, image, grad, got, set);
            }
        });
    }

  private:
    /// What scatterAggregate wrote, and added to an image of fives.
    template <class Real>
    struct Scattered {
        std::vector<Real> image, location, weight;
    };

    template <class Real>
    void expectScattered(const Samples<Real>& s, Index channels, Index ld,
                         const std::vector<Real>& image, const std::vector<Real>& grad,
                         const Scattered<Real>& got, const RowSpan& set) {
        std::vector<double> gradImage(image.size(), 5);
        const auto isIn = [](Index pixel, const RowSpan& span) {
            return pixel >= span.first && pixel < span.end;
        };
        const RowSpan before{s.imagePixels() / 3, s.imagePixels() / 2};
        for (Index i = 0; i < static_cast<Index>(gradImage.size()); ++i) {
            const Index pixel = i / ld / s.groups;
            if (isIn(pixel, set) && !isIn(pixel, before)) gradImage[at(i)] = 0;
        }
        for (Index i = 0; i < s.count(); ++i) {
            const Level& level = s.levelOf(i);
            Sample<Real> sample;
            locate(s.y(i), s.x(i), s.weight[at(i)], {level.height, level.width}, sample);
            double dot[Corners] = {};
            for (int k = 0; k < Corners; ++k) {
                if (sample.pixel[k] == level.height * level.width) continue;  // outside
                const Index row = s.rowOf(i, sample.pixel[k]);
                ASSERT_TRUE(sample.weight[k] == 0 || isIn(row / s.groups, set)) << row;
                for (Index c = 0; c < channels; ++c) {
                    const auto g = static_cast<double>(grad[at(i / s.taps * ld + c)]);
                    dot[k] += g * static_cast<double>(image[at(row * ld + c)]);
                    gradImage[at(row * ld + c)] +=
                        g * static_cast<double>(sample.weight[k] * sample.modulation);
                }
            }
            Sample<double> wide;
            for (int k = 0; k < Corners; ++k)
                wide.weight[k] = static_cast<double>(sample.weight[k]);
            wide.fractionY = static_cast<double>(sample.fractionY);
            wide.fractionX = static_cast<double>(sample.fractionX);
            wide.place = sample.place;
            const auto modulation = static_cast<double>(sample.modulation);
            const auto k = at(i % s.period());
            const double of[3] = {modulation * slopeX(wide, dot) * static_cast<double>(s.scaleX[k]),
                                  modulation * slopeY(wide, dot) * static_cast<double>(s.scaleY[k]),
                                  valueOf(wide, dot)};
            const Real found[3] = {got.location[at(2 * i)], got.location[at(2 * i + 1)],
                                   got.weight[at(i)]};
            for (int n = 0; n < 3; ++n) {
                ASSERT_NEAR(static_cast<double>(found[n]), of[n], 1e-4 * (1 + std::abs(of[n])))
                    << "number " << n << " of sample " << i << ", " << channels << " channels";
            }
        }
        // What follows is not ours.
        ASSERT_EQ(got.location.back(), 99);
        ASSERT_EQ(got.weight.back(), 99);
        for (Index i = 0; i < static_cast<Index>(gradImage.size()); ++i) {
            if (!s.isInside(i / ld / s.groups)) continue;  // it takes what falls outside
            ASSERT_NEAR(static_cast<double>(got.image[at(i)]), gradImage[at(i)], 1e-4)
                << channels << " channels, row " << i / ld << ", number " << i % ld;
        }
    }

    template <class Real>
    static Index paddedTo(Index channels) {
        return (channels + rowAlignment<Real> - 1) / rowAlignment<Real> * rowAlignment<Real>;
    }

    /// The micro-kernel's output, rows `ld` apart, as the image's are.
    template <class Real>
    std::vector<Real> sums(Samples<Real>& s, Index channels, const std::vector<Real>& image,
                           Index ld) {
        std::vector<Real> output(at(s.points() * ld), Real{99});
        kernels<Real>().aggregate({s.taps, channels, s.view(ld), image.data(), ld}, output.data());
        return output;
    }
};

TEST_P(AggregateKernel, Aggregate) {
    aggregate<float>();
    aggregate<double>();
}

TEST_P(AggregateKernel, AggregateOfSamplesOutsideIsZeroWhateverThePixelsHold) {
    aggregateOutside<float>();
    aggregateOutside<double>();
}

TEST_P(AggregateKernel, ScatterAggregate) {
    scatterAggregate<float>();
    scatterAggregate<double>();
}

INSTANTIATE_TEST_SUITE_P(EverySet, AggregateKernel, testing::ValuesIn(everySet()), nameOfSet);

}  // namespace
}  // namespace dcn4j::cpu
