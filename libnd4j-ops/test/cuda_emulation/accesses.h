// Counts the kernels' accesses to memory as a GPU would make them, and finds races in shared
// memory. For a build with DCN4J_EMULATION_ACCESSES; else nothing here does anything.
//
// The compiler instruments every load and store (-fsanitize=thread), but calls our functions in
// place of ThreadSanitizer's. A warp's instruction is what its threads do at one place of the code
// for the same time since their last barrier. Where the threads of a warp take different ways
// through a loop, that is an estimate.
#pragma once

#include <cstddef>

namespace cuda_emulation::accesses {

#if defined(DCN4J_EMULATION_ACCESSES)

void beginKernel(const char* name);
/// A new block: nothing in its shared memory has been written.
void beginBlock();
/// All threads of the block have come to a barrier, or the 32 threads of a warp.
void blockBarrier();
void warpBarrier(std::size_t firstThread);
void addShared(const void* memory, std::size_t bytes);
/// The next accesses to these bytes, by the thread that runs, are one.
void wide(const void* address, std::size_t bytes, const void* place);
/// The thread that runs from now on.
void runs(std::size_t thread);
void stops();

#else

inline void beginKernel(const char*) {}
inline void beginBlock() {}
inline void blockBarrier() {}
inline void warpBarrier(std::size_t) {}
inline void addShared(const void*, std::size_t) {}
inline void wide(const void*, std::size_t, const void*) {}
inline void runs(std::size_t) {}
inline void stops() {}

#endif

}  // namespace cuda_emulation::accesses
