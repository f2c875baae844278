// What the ops need of an ND4J backend. Each of the two libraries has its own implementation:
// backend/cpu and backend/cuda.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "../libnd4j/libnd4j.h"

namespace dcn4j {

using Arrays = std::vector<sd::NDArray*>;

/// Where the kernels read and write an array: its first element, in host or device memory; null if
/// the array has no elements.
void* dataOf(sd::NDArray& array);

/// Whether parallel regions of ND4J's that the calling thread opens from now on have it alone, or
/// as many threads as before; those of this library have them in either case. Nothing on CUDA.
void workAlone(bool alone);
/// How many ND4J's have; 0 on CUDA.
int threadsOfRegions();

/// One call of an op, on the device and stream that ND4J is using, or on its threads. The arrays
/// are ready for the kernels from the constructor to the destructor.
///
/// On CUDA the kernels run asynchronously. A launch that fails throws std::runtime_error.
class Execution {
  public:
    Execution(sd::graph::Context& context, const Arrays& outputs, const Arrays& inputs);
    ~Execution();
    Execution(const Execution&) = delete;
    Execution& operator=(const Execution&) = delete;

    /// The implementation of the op whose interface `Kernel` is.
    template <class Kernel>
    const Kernel& kernel() const;
    /// Says that the outputs are written. Without it, as after an exception, ND4J goes on to take the
    /// host's copies of them for theirs.
    void completed() { completed_ = true; }
    /// What the kernels are to be told, for a call that takes as long as so many multiply-adds, by
    /// and large; CUDA kernels ignore it.
    int threads(double multiplyAdds) const;
    /// Copies bytes from where the kernels read an array to the host's memory.
    void read(const void* from, std::size_t bytes, void* to) const;
    /// The reverse of read.
    void write(const void* from, std::size_t bytes, void* to) const;

  private:
    struct State;
    const std::unique_ptr<State> state_;
    bool completed_ = false;
};

}  // namespace dcn4j
