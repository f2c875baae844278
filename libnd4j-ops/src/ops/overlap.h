// Whether arrays share memory.
#pragma once

#include "arguments.h"

namespace dcn4j {

/// Whether an element of one array may lie where one of the other does. Arrays of the same strides,
/// but for dimensions of size 1, may interleave: parts of an array's channels, of its rows or of
/// its columns, and of complex numbers, are told apart, if they have eight dimensions at most. Of
/// other arrays that interleave it may say yes. False where an array has no elements, or `data` is
/// null.
bool mayOverlap(const void* data, const ArrayShape& shape, const void* otherData,
                const ArrayShape& otherShape);

}  // namespace dcn4j
