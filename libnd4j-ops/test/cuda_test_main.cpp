#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdio>

/// Runs the tests, or says that there is no device and ends with status 77.
int main(int argc, char** argv) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::fprintf(stderr, "no CUDA device\n");
        return 77;
    }
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
