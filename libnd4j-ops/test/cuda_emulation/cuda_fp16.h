// The half type of the emulated tensor cores.
#pragma once

#include "../../src/kernels/element.h"

using __half = dcn4j::Float16;
