// Uninitialised memory for the kernels' intermediate results.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>

#include "../tensor.h"

namespace dcn4j::cpu {

template <class Real>
class Buffer {
  public:
    /// Room for `count` numbers, aligned to a cache line. Throws std::bad_alloc.
    explicit Buffer(Index count) {
        constexpr std::size_t line = 64;
        const std::size_t bytes = (static_cast<std::size_t>(count) * sizeof(Real) / line + 1) * line;
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

}  // namespace dcn4j::cpu
