# The CUDA kernels, compiled by nvcc and linked with CUDA's runtime, statically.
if(NOT CMAKE_CUDA_COMPILER)
    find_program(NVCC nvcc HINTS ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
    if(NOT NVCC)
        message(FATAL_ERROR "nvcc was not found: install the CUDA toolkit, 11.8 to 13.x, "
            "or name nvcc in the environment variable CUDACXX")
    endif()
    set(CMAKE_CUDA_COMPILER ${NVCC})
endif()
# No default: DCN4J_CUDA_ARCHITECTURES says it.
set(CMAKE_CUDA_ARCHITECTURES OFF)
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 11.8)
    message(FATAL_ERROR "nvcc ${CMAKE_CUDA_COMPILER_VERSION}: expected 11.8 or later")
endif()
find_package(CUDAToolkit REQUIRED)

# Machine code for what nvcc has of Pascal to Hopper, and PTX for what comes after.
set(architectures 75-real 80-real 86-real 89-real 90)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13)
    list(PREPEND architectures 60-real 70-real)
endif()
if(DCN4J_CUDA_ARCHITECTURES)
    set(architectures ${DCN4J_CUDA_ARCHITECTURES})
endif()
set(CMAKE_CUDA_ARCHITECTURES ${architectures})

set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_VISIBILITY_PRESET hidden)

add_library(dcn4j_cuda_flags INTERFACE)
target_link_libraries(dcn4j_cuda_flags INTERFACE dcn4j_flags CUDA::cudart_static)
target_compile_options(dcn4j_cuda_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CUDA>:--Werror=all-warnings;-Xcompiler=-Wall,-Wextra,-Werror>)

include(cmake/CudaKernels.cmake)
dcn4j_cuda_kernels(dcn4j_cuda CUDA)
