// Uninitialised memory for the kernels' intermediate results.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "../tensor.h"

namespace dcn4j::cpu {

inline Index ceilDivide(Index a, Index b) {
    return (a + b - 1) / b;
}
inline Index roundUp(Index a, Index b) {
    return ceilDivide(a, b) * b;
}

/// The number of the calling thread within its parallel region.
inline int threadNumber() {
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

template <class Real>
class Buffer {
  public:
    /// Room for `count` numbers, aligned to a cache line. Throws std::bad_alloc.
    explicit Buffer(Index count) {
        constexpr std::size_t line = 64;
        const std::size_t bytes =
            (static_cast<std::size_t>(count) * sizeof(Real) / line + 1) * line;
        data_.reset(static_cast<Real*>(std::aligned_alloc(line, bytes)));
        if (!data_) throw std::bad_alloc();
    }

    Real* data() const { return data_.get(); }

  private:
    struct Free {
        void operator()(Real* data) const { std::free(data); }
    };
    std::unique_ptr<Real, Free> data_;
};

/// A buffer for each thread, laid end to end.
template <class Number>
class PerThread {
  public:
    PerThread(int threads, Index size) : size_(roundUp(size, 64)), buffer_(threads * size_) {}
    Number* mine() const { return buffer_.data() + threadNumber() * size_; }

  private:
    Index size_;
    Buffer<Number> buffer_;
};

}  // namespace dcn4j::cpu
