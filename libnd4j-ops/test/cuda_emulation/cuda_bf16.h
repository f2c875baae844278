// The bfloat16 type of the emulated tensor cores.
#pragma once

#include "../../src/kernels/element.h"

using __nv_bfloat16 = dcn4j::BFloat16;
