// What shape infos hold.
#pragma once

#include "../src/libnd4j/libnd4j.h"

namespace dcn4j::stand_in {

/// The flag of a shape info that says the element type (libnd4j 1.0.0-M2.1).
inline sd::LongType flagOf(sd::DataType type) {
    return type == sd::FLOAT32 ? 8192 : type == sd::DOUBLE ? 16384 : type == sd::HALF ? 4096 : 2048;
}

}  // namespace dcn4j::stand_in
