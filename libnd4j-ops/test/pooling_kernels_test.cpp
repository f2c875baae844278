// Pooling's micro-kernels, pool, divide, scatter and addSlopes, of every instruction set, each
// against plain loops.
#include "../src/kernels/cpu/simd/pooling.h"
#include "micro_kernel_test.h"

namespace dcn4j::cpu {

extern const PoolingSet widePooling;

namespace {

class PoolingMicroKernel : public testing::TestWithParam<const PoolingSet*> {
  protected:
    static constexpr Index height = 6, width = 5, count = 4;

    /// Bins at random, the last without samples, and what they are of.
    template <class Real>
    struct Problem {
        Index channels, ld;
        std::vector<AxisWeight<Real>> rows, columns;  // [bin][3]
        std::vector<Bin<Real>> bins;
        std::vector<Real> image, gradients;
        BinChunk<Real> chunk;

        Problem(Index channelCount, std::mt19937& random)
            : channels(channelCount),
              ld((channels + rowAlignment<Real> - 1) / rowAlignment<Real> * rowAlignment<Real> +
                 rowAlignment<Real>) {
            std::normal_distribution<Real> normal;
            for (std::vector<Real>* v : {&image, &gradients}) {
                v->resize(
                    static_cast<std::size_t>((v == &image ? 2 * height * width : count) * ld));
                for (Real& x : *v) x = normal(random);
            }
            for (Index i = 0; i < 3 * count; ++i) {
                rows.push_back({(i / 3 + i % 3) % 4 * width + i % 3 / 2 * width, normal(random),
                                normal(random)});
                columns.push_back({i % 3 + 1, normal(random), normal(random)});
            }
            for (Index b = 0; b < count; ++b) {
                const Index axis = b + 1 == count ? 0 : 3;
                bins.push_back({b % 2 * height * width,
                                {&rows[static_cast<std::size_t>(3 * b)], axis, axis},
                                {&columns[static_cast<std::size_t>(3 * b)], axis, axis},
                                axis * axis});
            }
            chunk = {bins.data(), count, channels, ld};
        }

        /// Calls `action(bin, channel, index of the number, row's weight, column's weight)`.
        template <class Action>
        void forEach(Action action) const {
            for (Index b = 0; b < count; ++b) {
                const Bin<Real>& bin = bins[static_cast<std::size_t>(b)];
                for (Index i = 0; i < bin.rows.count * bin.columns.count * channels; ++i) {
                    const auto& row = bin.rows.weights[i / channels / bin.columns.count];
                    const auto& column = bin.columns.weights[i / channels % bin.columns.count];
                    const Index pixel = bin.firstPixel + row.pixel + column.pixel;
                    action(b, i % channels, static_cast<std::size_t>(pixel * ld + i % channels),
                           row, column);
                }
            }
        }
        std::size_t at(Index bin, Index c) const { return static_cast<std::size_t>(bin * ld + c); }
    };

    template <class Real>
    const PoolingKernels<Real>& kernels() const {
        return GetParam()->kernels.template of<Real>();
    }

    /// Runs `check` for numbers of channels that fill vectors and that don't.
    template <class Real, class Check>
    void forProblems(Check check) {
        for (const Index channels : {1, 3, 4, 7, 16, 33, 64, 100}) {
            check(Problem<Real>(channels, random_));
        }
    }

    template <class Real>
    void pool() {
        forProblems<Real>([&](const Problem<Real>& p) {
            std::vector<Real> means(p.gradients.size(), Real{99}), expected(means.size());
            kernels<Real>().pool(p.chunk, p.image.data(), means.data());
            p.forEach([&](Index b, Index c, std::size_t i, const auto& row, const auto& column) {
                expected[p.at(b, c)] += row.weight * column.weight * p.image[i] / 9;
            });
            for (Index i = 0; i < count * p.channels; ++i) {
                const std::size_t at = p.at(i / p.channels, i % p.channels);
                ASSERT_NEAR(means[at], expected[at], 1e-5) << p.channels << " channels";
            }
        });
    }

    template <class Real>
    void divide() {
        for (const Index numbers : {1, 4, 15, 16, 33}) {
            std::vector<Real> counts, gradients;
            for (Index i = 0; i < numbers; ++i) {
                counts.push_back(static_cast<Real>(i % 4));
                gradients.push_back(static_cast<Real>(i - 7));
            }
            auto quotients = gradients;
            kernels<Real>().divide(numbers, counts.data(), quotients.data());
            for (std::size_t i = 0; i < counts.size(); ++i) {
                EXPECT_EQ(quotients[i], counts[i] > 0 ? gradients[i] / counts[i] : 0) << numbers;
            }
        }
    }

    template <class Real>
    void scatter() {
        constexpr Index first = width, end = 4 * width;
        forProblems<Real>([&](const Problem<Real>& p) {
            auto gradImage = p.image;
            auto expected = p.image;
            kernels<Real>().scatter(p.chunk, p.gradients.data(), first, end, gradImage.data());
            p.forEach([&](Index b, Index c, std::size_t i, const auto& row, const auto& column) {
                if (row.pixel < first || row.pixel >= end) return;
                expected[i] += row.weight * column.weight * p.gradients[p.at(b, c)];
            });
            for (std::size_t i = 0; i < expected.size(); ++i) {
                ASSERT_NEAR(gradImage[i], expected[i], 1e-5) << p.channels << " channels";
            }
        });
    }

    template <class Real>
    void addSlopes() {
        forProblems<Real>([&](const Problem<Real>& p) {
            std::vector<Slopes<Real>> slopes(count, {1, 2}), expected = slopes;
            kernels<Real>().addSlopes(p.chunk, p.gradients.data(), p.image.data(), slopes.data());
            p.forEach([&](Index b, Index c, std::size_t i, const auto& row, const auto& column) {
                const Real grad = p.gradients[p.at(b, c)] * p.image[i];
                expected[static_cast<std::size_t>(b)].x += grad * row.weight * column.slope;
                expected[static_cast<std::size_t>(b)].y += grad * row.slope * column.weight;
            });
            for (std::size_t b = 0; b < expected.size(); ++b) {
                ASSERT_NEAR(slopes[b].x, expected[b].x, 1e-3) << p.channels << " channels";
                ASSERT_NEAR(slopes[b].y, expected[b].y, 1e-3) << p.channels << " channels";
            }
        });
    }

    std::mt19937 random_{11};
};

TEST_P(PoolingMicroKernel, PoolIsTheMeanOfABin) {
    pool<float>();
    pool<double>();
}

TEST_P(PoolingMicroKernel, DivideGivesZeroWithoutSamples) {
    divide<float>();
    divide<double>();
}

TEST_P(PoolingMicroKernel, ScatterKeepsToItsRows) {
    scatter<float>();
    scatter<double>();
}

TEST_P(PoolingMicroKernel, AddSlopesAddsTheDerivativesOfABin) {
    addSlopes<float>();
    addSlopes<double>();
}

std::vector<const PoolingSet*> everyPoolingSet() {
    std::vector<const PoolingSet*> sets{&baselinePooling, &widePooling};
#if defined(__x86_64__)
    for (const PoolingSet* set : {&avx2Pooling, &avx512Pooling}) {
        if (runs(set->set)) sets.push_back(set);
    }
#endif
    return sets;
}

INSTANTIATE_TEST_SUITE_P(EverySet, PoolingMicroKernel, testing::ValuesIn(everyPoolingSet()),
                         [](const auto& set) { return std::string(set.param->set.name); });

}  // namespace
}  // namespace dcn4j::cpu
