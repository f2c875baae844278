#include "overlap.h"

#include <algorithm>
#include <cstdint>

namespace dcn4j {
namespace {

/// A dimension of places in memory.
struct Dimension {
    Index stride, size;  ///< the stride in bytes, above 0; the size above 1
};

/// The places of an array's elements: `first` and what is strides from there on.
struct Places {
    Index first;
    std::vector<Dimension> dimensions;  ///< the largest stride first
    Index elementBytes;
};

/// Where an array's elements begin and end, in bytes: most arrays have nothing between them.
struct Extent {
    Index first, end;
};
Extent extentOf(const void* data, const ArrayShape& shape) {
    const auto first = static_cast<Index>(reinterpret_cast<std::intptr_t>(data));
    const Index bytes = std::max<Index>(shape.elementBytes(), 1);
    Extent extent{first, first + bytes};
    for (std::size_t d = 0; d < shape.sizes().size(); ++d) {
        const Index reach = (shape.sizes()[d] - 1) * shape.strides()[d] * bytes;
        (reach < 0 ? extent.first : extent.end) += reach;
    }
    return extent;
}

Places placesOf(const void* data, const ArrayShape& shape) {
    Places places{extentOf(data, shape).first, {}, std::max<Index>(shape.elementBytes(), 1)};
    for (std::size_t d = 0; d < shape.sizes().size(); ++d) {
        const Index size = shape.sizes()[d], stride = shape.strides()[d] * places.elementBytes;
        if (size < 2 || stride == 0) continue;
        // Places are the same from the other end on.
        places.dimensions.push_back({std::max(stride, -stride), size});
    }
    std::sort(places.dimensions.begin(), places.dimensions.end(),
              [](const Dimension& a, const Dimension& b) { return a.stride > b.stride; });
    return places;
}

/// Bytes from the first place on, as far as dimensions from number `from` on reach.
Index spanOf(const Places& places, std::size_t from) {
    Index span = places.elementBytes;
    for (std::size_t d = from; d < places.dimensions.size(); ++d) {
        span += (places.dimensions[d].size - 1) * places.dimensions[d].stride;
    }
    return span;
}

Index floorDivide(Index a, Index b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

/// Distances, from an array's place to one of another's, at which they may meet. More than these
/// there are not in parts of one array, of eight dimensions at most: each dimension leaves two of
/// each.
constexpr std::size_t mostDistances = 256;

/// Whether two arrays share a place, where b begins `distance` bytes beyond a, and neither ends
/// before the other begins. What is left to ask is the same for all steps of a dimension but for
/// the distance: so they go on together, and the work is bounded, whatever the strides.
bool mayMeet(const Places& a, const Places& b, Index distance) {
    std::vector<Index> distances{distance}, next;
    std::size_t i = 0, j = 0;
    while (!distances.empty()) {
        const bool restA = i < a.dimensions.size(), restB = j < b.dimensions.size();
        if (!restA && !restB) return true;
        if (distances.size() > mostDistances) return true;
        // The larger stride first; what has none so large is one step of it.
        const Index stride =
            std::max(restA ? a.dimensions[i].stride : 0, restB ? b.dimensions[j].stride : 0);
        Index stepsA = 1, stepsB = 1;
        if (restA && a.dimensions[i].stride == stride) stepsA = a.dimensions[i++].size;
        if (restB && b.dimensions[j].stride == stride) stepsB = b.dimensions[j++].size;
        // A step of a meets one of b that is `k` steps further where what they hold does.
        const Index innerA = spanOf(a, i), innerB = spanOf(b, j);
        next.clear();
        for (const Index d : distances) {
            const Index least = std::max(floorDivide(-innerB - d, stride) + 1, 1 - stepsA);
            const Index most = std::min(floorDivide(innerA - d - 1, stride), stepsB - 1);
            // Where steps overlap with many others, the elements are not nested as an array's are.
            constexpr Index few = 3;
            if (most - least >= few) return true;
            for (Index k = least; k <= most; ++k) next.push_back(d + k * stride);
        }
        std::sort(next.begin(), next.end());
        next.erase(std::unique(next.begin(), next.end()), next.end());
        distances.swap(next);
    }
    return false;
}

bool hasNone(const ArrayShape& shape) {
    return std::find(shape.sizes().begin(), shape.sizes().end(), 0) != shape.sizes().end();
}

}  // namespace

bool mayOverlap(const void* data, const ArrayShape& shape, const void* otherData,
                const ArrayShape& otherShape) {
    if (data == nullptr || otherData == nullptr || hasNone(shape) || hasNone(otherShape)) {
        return false;
    }
    const Extent own = extentOf(data, shape), its = extentOf(otherData, otherShape);
    if (own.end <= its.first || its.end <= own.first) return false;
    const Places a = placesOf(data, shape), b = placesOf(otherData, otherShape);
    return mayMeet(a, b, b.first - a.first);
}

}  // namespace dcn4j
