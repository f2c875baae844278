#include "buffer.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace dcn4j::cpu {
namespace {

constexpr std::size_t line = 64;
/// What x86-64 and most others map at once when they are asked to.
constexpr std::size_t hugePage = std::size_t{2} << 20;
constexpr std::uint64_t lifetime = 4096;  // takings
constexpr std::size_t mostIdle = std::size_t{256} << 20;

/// Sizes come in classes, eight to a power of two: what one call gives back serves another of
/// nearly the same shape, and at most an eighth is not asked for.
std::size_t classOf(std::size_t bytes) {
    std::size_t step = line;
    while (bytes > 16 * step) step *= 2;
    return bytes <= step ? step : (bytes + step - 1) / step * step;
}

/// Null if there is no memory. Tiles are cut to fill most of a second-level cache. On small pages,
/// which lie in memory as it happens, they would crowd some of its sets, and miss.
void* allocate(std::size_t size) noexcept {
    const bool huge = size >= hugePage;
    void* memory = nullptr;
    if (posix_memalign(&memory, huge ? hugePage : line, size) != 0) return nullptr;
#ifdef MADV_HUGEPAGE
    // A system without them says no, and small pages do.
    if (huge) madvise(memory, size, MADV_HUGEPAGE);
#endif
    return memory;
}

struct Kept {
    void* memory;
    std::size_t size;
    std::uint64_t since;  ///< the taking after which it was given back
};

/// Few entries, one for each buffer of the calls that run at once: searched from the newest.
class Store {
  public:
    void* take(std::size_t size) {
        void* memory = reuse(size);
        if (memory != nullptr) return memory;
        memory = allocate(size);
        if (memory == nullptr) {
            // What is kept may be what is missing.
            releaseAll();
            memory = allocate(size);
        }
        if (memory == nullptr) throw std::bad_alloc();
        const std::lock_guard<std::mutex> lock(mutex_);
        countUse(size);
        return memory;
    }

    void give(void* memory, std::size_t size) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        used_ -= size;
        try {
            kept_.push_back({memory, size, takings_});
            bytes_ += size;
        } catch (...) {
            std::free(memory);
        }
        // In the order of their giving back: the oldest are first.
        auto old = kept_.begin();
        const std::size_t most = std::max(mostIdle, mostUsed_);
        while (old != kept_.end() && (bytes_ > most || takings_ - old->since > lifetime)) {
            std::free(old->memory);
            bytes_ -= old->size;
            ++old;
        }
        kept_.erase(kept_.begin(), old);
    }

    std::size_t bytes() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return bytes_;
    }

  private:
    /// Kept memory of this size, or null. Counts the taking.
    void* reuse(std::size_t size) {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++takings_;
        for (auto i = kept_.rbegin(); i != kept_.rend(); ++i) {
            if (i->size != size) continue;
            void* memory = i->memory;
            kept_.erase(std::next(i).base());
            bytes_ -= size;
            countUse(size);
            return memory;
        }
        return nullptr;
    }

    /// Of memory that there is: what was asked for in vain is no use.
    void countUse(std::size_t size) noexcept {
        used_ += size;
        mostUsed_ = std::max(mostUsed_, used_);
    }

    void releaseAll() noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (const Kept& kept : kept_) std::free(kept.memory);
        kept_.clear();
        bytes_ = 0;
    }

    std::mutex mutex_;
    std::vector<Kept> kept_;
    std::size_t bytes_ = 0;
    std::size_t used_ = 0, mostUsed_ = 0;  ///< by calls at work: now, and at most so far
    std::uint64_t takings_ = 0;
};

/// Never destroyed: threads may still be at work when the process ends.
Store& store() {
    static Store& instance = *new Store;
    return instance;
}

}  // namespace

void* takeMemory(std::size_t bytes) {
    // No array is larger; and multiples of larger sizes would not fit a std::size_t.
    if (bytes > PTRDIFF_MAX) throw std::bad_alloc();
    return store().take(classOf(bytes));
}

void giveMemory(void* memory, std::size_t bytes) noexcept {
    store().give(memory, classOf(bytes));
}

std::size_t keptMemory() {
    return store().bytes();
}

}  // namespace dcn4j::cpu
