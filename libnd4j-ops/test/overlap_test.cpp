// Whether arrays share memory, against sets of their elements' places.
#include "../src/ops/overlap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "shape_info.h"

namespace dcn4j {
namespace {

ArrayShape floats(const std::vector<Index>& sizes, const std::vector<Index>& strides) {
    std::vector<sd::LongType> info{static_cast<sd::LongType>(sizes.size())};
    info.insert(info.end(), sizes.begin(), sizes.end());
    info.insert(info.end(), strides.begin(), strides.end());
    info.insert(info.end(), {stand_in::flagOf(sd::FLOAT32), 0, 'c'});
    return ArrayShape(info.data());
}

/// The places, in elements, of an array that begins at `first`.
std::set<Index> placesOf(Index first, const ArrayShape& shape, std::size_t d = 0) {
    if (d == shape.sizes().size()) return {first};
    std::set<Index> all;
    for (Index i = 0; i < shape.sizes()[d]; ++i) {
        all.merge(placesOf(first + i * shape.strides()[d], shape, d + 1));
    }
    return all;
}

/// Places that no array is asked for.
float memory[1 << 16];
constexpr Index middle = 1 << 15;

bool mayOverlap(Index first, const ArrayShape& a, Index other, const ArrayShape& b) {
    return dcn4j::mayOverlap(memory + middle + first, a, memory + middle + other, b);
}

TEST(Overlap, IsNeverMissed) {
    std::mt19937 random(3);
    const auto draw = [&](Index least, Index most) {
        return std::uniform_int_distribution<Index>(least, most)(random);
    };
    const auto drawShape = [&] {
        std::vector<Index> sizes, strides;
        for (Index rank = draw(0, 4); rank > 0; --rank) {
            sizes.push_back(draw(0, 5));
            strides.push_back(draw(-30, 30));
        }
        return floats(sizes, strides);
    };
    int shared = 0;
    for (int i = 0; i < 20000; ++i) {
        const ArrayShape a = drawShape(), b = drawShape();
        const Index distance = draw(-60, 60);
        const auto mine = placesOf(0, a), others = placesOf(distance, b);
        const bool meet = std::any_of(mine.begin(), mine.end(),
                                      [&](Index place) { return others.count(place) > 0; });
        shared += meet;
        if (meet) {
            ASSERT_TRUE(mayOverlap(0, a, distance, b)) << i;
            ASSERT_TRUE(mayOverlap(distance, b, 0, a)) << i;
        }
    }
    EXPECT_GT(shared, 1000);
}

TEST(Overlap, IsNotSeenInPartsOfOneArray) {
    std::mt19937 random(5);
    const auto draw = [&](Index least, Index most) {
        return std::uniform_int_distribution<Index>(least, most)(random);
    };
    for (int i = 0; i < 20000; ++i) {
        // An array in any order of its dimensions, cut in two along one of them.
        std::vector<Index> order{0, 1, 2, 3}, sizes(4), strides(4);
        std::shuffle(order.begin(), order.end(), random);
        Index stride = draw(1, 3);
        for (const Index d : order) {
            const auto at = static_cast<std::size_t>(d);
            sizes[at] = draw(2, 4);
            strides[at] = stride;
            stride *= sizes[at] + draw(0, 1);
        }
        const auto cut = static_cast<std::size_t>(draw(0, 3));
        const Index here = draw(1, sizes[cut] - 1);
        std::vector<Index> mine = sizes, others = sizes, back = strides;
        mine[cut] = here;
        others[cut] -= here;
        const Index second = here * strides[cut];
        ASSERT_FALSE(mayOverlap(0, floats(mine, strides), second, floats(others, strides))) << i;
        // From its end on.
        Index last = second;
        for (std::size_t d = 0; d < 4; ++d) {
            last += (others[d] - 1) * strides[d];
            back[d] = -strides[d];
        }
        ASSERT_FALSE(mayOverlap(0, floats(mine, strides), last, floats(others, back))) << i;
        // One more of what was cut.
        ++mine[cut];
        ASSERT_TRUE(mayOverlap(0, floats(mine, strides), second, floats(others, strides))) << i;
    }
}

TEST(Overlap, OfStridesThatAreNotNestedTakesNoTimeThatGrowsWithTheirSteps) {
    // Steps of each dimension overlap with those of the next, and odd places never meet even ones:
    // were each pair of steps asked by itself, there would be 2^60 of them.
    std::vector<Index> mine, others;
    for (double stride = 2; mine.size() < 32; stride *= 1.33 * 1.33) {
        mine.push_back(2 * static_cast<Index>(stride));
        others.push_back(2 * static_cast<Index>(1.33 * stride));
    }
    for (std::size_t rank = 1; rank <= mine.size(); ++rank) {
        const auto at = static_cast<std::ptrdiff_t>(rank);
        const std::vector<Index> sizes(rank, 2);
        const ArrayShape a = floats(sizes, {mine.begin(), mine.begin() + at});
        const ArrayShape b = floats(sizes, {others.begin(), others.begin() + at});
        EXPECT_TRUE(mayOverlap(Index{0}, a, 0, b));
        EXPECT_TRUE(!mayOverlap(Index{1}, a, 0, b) || rank > 8) << rank;
    }
}

TEST(Overlap, IsNoneOfWhatHasNoElements) {
    const ArrayShape some = floats({3}, {1}), none = floats({3, 0}, {1, 1});
    EXPECT_FALSE(mayOverlap(0, some, 1, none));
    EXPECT_FALSE(mayOverlap(1, none, 0, some));
    EXPECT_FALSE(dcn4j::mayOverlap(nullptr, some, memory, some));
    EXPECT_FALSE(dcn4j::mayOverlap(nullptr, some, nullptr, some));
}

TEST(Overlap, OfAnArraysOwnElementsIsWhereAStrideIsZero) {
    EXPECT_TRUE(floats({2, 3}, {0, 1}).hasZeroStride());
    EXPECT_FALSE(floats({2, 3}, {3, 1}).hasZeroStride());
    EXPECT_FALSE(floats({1, 3}, {0, 1}).hasZeroStride());
    EXPECT_FALSE(floats({2, 0}, {0, 0}).hasZeroStride());
}

TEST(Overlap, CountsInBytes) {
    std::vector<sd::LongType> info{1, 4, 1, stand_in::flagOf(sd::DOUBLE), 0, 'c'};
    const ArrayShape doubles(info.data()), some = floats({4}, {1});
    EXPECT_TRUE(mayOverlap(7, some, 0, doubles));
    EXPECT_FALSE(mayOverlap(8, some, 0, doubles));
}

}  // namespace
}  // namespace dcn4j
