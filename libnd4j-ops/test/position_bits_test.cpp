// Positions are the same bits on every processor: hashes over sweeps, computed once on x86-64. A
// compiler that fuses a multiplication and an addition changes them.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "../src/kernels/sampling/aggregation_taps.h"
#include "../src/kernels/sampling/conv_taps.h"
#include "../src/kernels/sampling/roi.h"

namespace dcn4j {
namespace {

/// FNV-1a of the bytes of numbers.
class Hash {
  public:
    template <class Number>
    void add(Number number) {
        unsigned char bytes[sizeof number];
        std::memcpy(bytes, &number, sizeof number);
        for (const unsigned char byte : bytes) value_ = (value_ ^ byte) * 1099511628211u;
    }
    std::uint64_t value() const { return value_; }

  private:
    std::uint64_t value_ = 14695981039346656037u;
};

/// Numbers that look random, the same everywhere: the standard's distributions may differ.
class Numbers {
  public:
    /// In -1 .. 1.
    double next() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<double>(static_cast<std::int64_t>(state_) >> 11) / 0x1p52;
    }

  private:
    std::uint64_t state_ = 1;
};

template <class Real>
void addBins(Hash& hash, Numbers& numbers) {
    PsroiPoolingGeometry g{};
    g.pooledSize = 7;
    g.samplePerPart = 4;
    g.spatialScale = 1.0 / 16;
    g.transStd = 0.1;
    for (int r = 0; r < 300; ++r) {
        const Real first = static_cast<Real>(400 + 400 * numbers.next());
        const Real last = first + static_cast<Real>(200 + 200 * numbers.next());
        const RoiAxis<Real> roi(first, last, static_cast<Real>(r % 2 == 0 ? 1.0 / 16 : 0.3));
        for (Index bin = 0; bin < g.pooledSize; ++bin) {
            const BinAxis<Real> axis(g, roi, bin, static_cast<Real>(numbers.next()));
            for (Index i = 0; i < g.samplePerPart; ++i) {
                AxisSample<Real> s{};
                hash.add(axis.position(i));
                if (!locate(axis.position(i), Index{50}, s)) continue;
                hash.add(s.floor);
                hash.add(s.ceil);
                hash.add(s.fraction);
            }
        }
    }
}

template <class Real>
void addTaps(Hash& hash, Numbers& numbers) {
    Conv2dGeometry g{};
    g.height = g.width = 31;
    g.kernelH = g.kernelW = 3;
    g.strideH = g.strideW = 2;
    g.padTop = g.padLeft = 1;
    g.dilationH = g.dilationW = 2;
    g.offsetGroups = 1;
    Real values[2 * 9] = {};
    Tensor<4> offset;
    offset.data = values;
    offset.strides[1] = 1;
    for (Index i = 0; i < 2000; ++i) {
        for (Real& v : values) v = static_cast<Real>(4 * numbers.next());
        for (Index tap = 0; tap < 9; ++tap) {
            Sample<Real> s;
            planTap<Real>(g, g.width, offset, {}, {0, 0, tap, i % 16, i / 16 % 16}, s);
            for (int c = 0; c < Corners; ++c) {
                hash.add(s.pixel[c]);
                hash.add(s.weight[c]);
            }
            hash.add(s.fractionY);
            hash.add(s.fractionX);
        }
    }
}

template <class Real>
void addAggregations(Hash& hash, Numbers& numbers) {
    for (int i = 0; i < 20000; ++i) {
        const auto real = [](double number) { return static_cast<Real>(number); };
        const Real location = real(numbers.next());
        hash.add(i % 2 == 0 ? positionOf(real(-0.5), real(0), location, real(31))
                            : positionOf(real(i % 37), real(i % 3 - 1), location, real(1.3)));
    }
}

std::uint64_t hashOf(void (*add)(Hash&, Numbers&)) {
    Hash hash;
    Numbers numbers;
    add(hash, numbers);
    return hash.value();
}

TEST(PositionBits, OfBinsAreTheSameEverywhere) {
    EXPECT_EQ(hashOf(addBins<float>), 3526725026972867195u);
    EXPECT_EQ(hashOf(addBins<double>), 15464669451136874977u);
}

TEST(PositionBits, OfTapsAreTheSameEverywhere) {
    EXPECT_EQ(hashOf(addTaps<float>), 7033091867681415167u);
    EXPECT_EQ(hashOf(addTaps<double>), 7658677227993512415u);
}

TEST(PositionBits, OfAggregationsAreTheSameEverywhere) {
    EXPECT_EQ(hashOf(addAggregations<float>), 18184492868026435128u);
    EXPECT_EQ(hashOf(addAggregations<double>), 16241696431560883222u);
}

}  // namespace
}  // namespace dcn4j
