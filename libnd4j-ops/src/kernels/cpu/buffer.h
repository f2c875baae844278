// Memory for the kernels' intermediate results, kept from call to call.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>

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
    return omp_get_thread_num();
}

/// Of `threads`, as many as find something to do: the others would only hold memory.
inline int threadsFor(int threads, Index tasks) {
    return static_cast<int>(std::clamp<Index>(tasks, 1, std::max(threads, 1)));
}

/// Takes at least `bytes` of uninitialised memory, aligned to a cache line, from what earlier calls
/// have given back, or else from the system: pages that are new to the process cost as much as the
/// arithmetic done on them. Throws std::bad_alloc. Any thread may take and give.
void* takeMemory(std::size_t bytes);

/// Gives back what takeMemory returned for as many `bytes`. It is kept for the next call of such a
/// size, and released to the system when memory of its size has not been asked for during 4096
/// takings (some 200 calls), when there is no other memory to be had, or when 256 MiB, or as much
/// as calls ever used at once if that is more, are kept (the oldest first).
void giveMemory(void* memory, std::size_t bytes) noexcept;

/// Bytes that are kept for later calls at this moment.
std::size_t keptMemory();

/// Uninitialised room for numbers, aligned to a cache line.
template <class Number>
class Buffer {
  public:
    /// Throws std::bad_alloc, also where there is no number for so many bytes.
    explicit Buffer(Index count)
        : bytes_(bytesOf(count)), data_(static_cast<Number*>(takeMemory(bytes_))) {}
    ~Buffer() { giveMemory(data_, bytes_); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    Number* data() const { return data_; }

  private:
    static std::size_t bytesOf(Index count) {
        constexpr std::size_t most = PTRDIFF_MAX / sizeof(Number);
        if (count < 0 || static_cast<std::size_t>(count) > most) throw std::bad_alloc();
        return static_cast<std::size_t>(count) * sizeof(Number);
    }

    std::size_t bytes_;
    Number* data_;
};

/// A buffer for each thread, with a gap after it. Where a thread reads rows some way apart, the
/// processor foresees more than there are, and fetches what lies behind them: up to 28 rows on Zen
/// 4. Were that another thread's buffer, this one would have to get its own lines back: a backward
/// pass on two threads took a tenth longer, half as long again where they share no cache.
template <class Number>
class PerThread {
  public:
    PerThread(int threads, Index size)
        : size_(roundUp(size, 64) + (threads > 1 ? roundUp(std::min(size, mostApart), 64) : 0)),
          buffer_(threads * size_) {}
    Number* mine() const { return buffer_.data() + threadNumber() * size_; }

  private:
    /// 30 rows of 800 numbers, or as many bytes of what is larger than a number.
    static constexpr Index mostApart =
        24576 * std::min(sizeof(Number), sizeof(double)) / sizeof(Number);

    Index size_;
    Buffer<Number> buffer_;
};

}  // namespace dcn4j::cpu
