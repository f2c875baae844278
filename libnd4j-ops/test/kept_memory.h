// Memory that the CPU kernels keep between calls.
#pragma once

#include "../src/kernels/cpu/buffer.h"

namespace dcn4j::cpu {

/// Takes and gives back so often that what was kept before is released.
inline void ageKeptMemory() {
    for (int i = 0; i < 5000; ++i) giveMemory(takeMemory(64), 64);
}

}  // namespace dcn4j::cpu
