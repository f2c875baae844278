// Shape infos of new arrays, for what stands in for libnd4j's own functions that make them.
#pragma once

#include <set>
#include <vector>

#include "../src/libnd4j/libnd4j.h"

namespace dcn4j::stand_in {

/// The flag of a shape info that says the element type (libnd4j 1.0.0-M2.1).
inline sd::LongType flagOf(sd::DataType type) {
    return type == sd::FLOAT32 ? 8192 : type == sd::DOUBLE ? 16384 : type == sd::HALF ? 4096 : 2048;
}

/// What ConstantShapeHelper::createShapeInfo gives: kept for ever.
inline const sd::LongType* constantShapeInfo(sd::DataType type, char order, int rank,
                                             const sd::LongType* sizes) {
    static std::set<std::vector<sd::LongType>> all;
    std::vector<sd::LongType> info{rank};
    info.insert(info.end(), sizes, sizes + rank);
    std::vector<sd::LongType> strides(static_cast<std::size_t>(rank));
    sd::LongType stride = 1;
    for (std::size_t d = strides.size(); d-- > 0; stride *= sizes[d]) strides[d] = stride;
    info.insert(info.end(), strides.begin(), strides.end());
    info.insert(info.end(), {flagOf(type), 1, order});
    return all.insert(info).first->data();
}

}  // namespace dcn4j::stand_in
