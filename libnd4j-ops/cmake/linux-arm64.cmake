# Tool chain: Linux on 64-bit ARM with Debian's cross compiler (g++-aarch64-linux-gnu); what was built
# runs in QEMU's user mode (qemu-user), where that is installed.
#
#   cmake -S . -B build -DCMAKE_TOOLCHAIN_FILE=cmake/linux-arm64.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(triplet aarch64-linux-gnu)
find_program(CMAKE_C_COMPILER ${triplet}-gcc)
find_program(CMAKE_CXX_COMPILER ${triplet}-g++)
if(NOT CMAKE_CXX_COMPILER)
    message(FATAL_ERROR "${triplet}-g++ was not found: install the package g++-${triplet} "
        "(Debian: apt-get install g++-${triplet})")
endif()

set(CMAKE_FIND_ROOT_PATH /usr/${triplet})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

find_program(DCN4J_QEMU qemu-aarch64)
if(DCN4J_QEMU)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${DCN4J_QEMU} -L /usr/${triplet})
endif()
