// Device memory for one call.
#pragma once

#include "device.h"

namespace dcn4j::cuda {

/// Memory of one call's intermediate arrays: reserved piece by piece, allocated at once, and given
/// back in stream order, so that nothing waits. A pool of our own keeps on each device, for later
/// calls, as much as a call has taken, at least `keptBytes`.
class Workspace {
  public:
    static constexpr std::size_t keptBytes = std::size_t{256} << 20;

    /// A piece that is known before it has an address.
    template <class T>
    struct Piece {
        std::size_t offset;
    };

    explicit Workspace(cudaStream_t stream) : stream_(stream) {}
    ~Workspace();
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;

    template <class T>
    Piece<T> reserve(Index count) {
        const Piece<T> piece{bytes_};
        bytes_ += (static_cast<std::size_t>(count) * sizeof(T) + 255) / 256 * 256;
        return piece;
    }

    /// Throws OutOfMemory.
    void allocate();

    template <class T>
    T* at(Piece<T> piece) const {
        return reinterpret_cast<T*>(memory_ + piece.offset);
    }

    /// Of a piece, `count` elements.
    template <class T>
    void setToZero(Piece<T> piece, Index count) const {
        setToZero(at(piece), static_cast<std::size_t>(count) * sizeof(T));
    }

    /// Allocates one array, of zeros. Throws OutOfMemory.
    template <class T>
    T* zeros(Index count) {
        const auto piece = reserve<T>(count);
        allocate();
        setToZero(piece, count);
        return at(piece);
    }

    std::size_t bytes() const { return bytes_; }

  private:
    void setToZero(void* memory, std::size_t bytes) const;

    const cudaStream_t stream_;
    std::size_t bytes_ = 0;
    unsigned char* memory_ = nullptr;
    bool pooled_ = false;
};

}  // namespace dcn4j::cuda
