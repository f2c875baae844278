// Marks functions that CUDA kernels share with the CPU's code.
#pragma once

#if defined(__CUDACC__)
#define DCN4J_HOST_DEVICE __host__ __device__
#else
#define DCN4J_HOST_DEVICE
#endif
