#include "accesses.h"

#if defined(DCN4J_EMULATION_ACCESSES)

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "cuda_runtime.h"

namespace cuda_emulation::accesses {
namespace {

using Address = std::uintptr_t;
constexpr std::size_t warpThreads = 32;

enum Kind { SharedLoad, SharedStore, GlobalLoad, GlobalStore, Kinds };
const char* const kindNames[] = {"shared loads", "shared stores", "global loads", "global stores"};

struct Count {
    double requests = 0, least = 0, taken = 0;  ///< wavefronts of shared memory, sectors of global
};

/// Of a kernel, and of its places in the code.
struct KernelCount {
    std::array<Count, Kinds> all;
    std::map<std::pair<const void*, Kind>, Count> places;
};

/// What the threads of a warp do at one place for the same time since their last barrier.
struct Instruction {
    Kind kind;
    struct {
        Address address;
        std::size_t bytes;  ///< 0: the thread has no part in it
    } ofThreads[warpThreads];
};

/// Who touched a byte of shared memory last.
struct Touched {
    int writer = -1, readers[2] = {-1, -1};  ///< two threads that read since it was written
    unsigned writeBlock = 0, writeWarp = 0, readBlock[2] = {}, readWarp[2] = {};
};

std::map<std::string, KernelCount> counts;
KernelCount* kernel;
int running = -1;
unsigned blockTime;
std::array<unsigned, 32> warpTime;
std::vector<std::pair<Address, std::vector<Touched>>> sharedMemory;
std::map<std::tuple<std::size_t, const void*, Kind, unsigned>, Instruction> instructions;
std::map<std::tuple<int, const void*, Kind>, unsigned> times;
struct Wide {
    Address begin = 0, end = 0;
    const void* place = nullptr;
    bool counted[2] = {};
};
std::array<Wide, 1024> wides;

std::vector<Touched>* sharedAt(Address address, std::size_t& offset) {
    for (auto& [begin, touched] : sharedMemory) {
        if (address >= begin && address < begin + touched.size()) {
            offset = address - begin;
            return &touched;
        }
    }
    return nullptr;
}

/// Whether a barrier lies between now and an access of another thread.
bool isApart(int other, unsigned block, unsigned warp) {
    const std::size_t own = static_cast<std::size_t>(running) / warpThreads;
    return other < 0 || other == running || block != blockTime ||
           (static_cast<std::size_t>(other) / warpThreads == own && warp != warpTime[own]);
}

void touch(Touched& t, bool writes) {
    const unsigned warp = warpTime[static_cast<std::size_t>(running) / warpThreads];
    bool race = !isApart(t.writer, t.writeBlock, t.writeWarp);
    for (int i = 0; i < 2 && writes; ++i)
        race = race || !isApart(t.readers[i], t.readBlock[i], t.readWarp[i]);
    if (race) fail("two threads access one byte of shared memory, and one of them writes");
    if (writes) {
        t = {};
        t.writer = running;
        t.writeBlock = blockTime;
        t.writeWarp = warp;
        return;
    }
    // Of all readers, two different ones: whoever writes is not the one or not the other.
    const int at =
        t.readers[0] < 0 || t.readers[0] == running || t.readBlock[0] != blockTime ? 0 : 1;
    t.readers[at] = running;
    t.readBlock[at] = blockTime;
    t.readWarp[at] = warp;
}

/// The passes in which a shared memory of 32 banks of 4 bytes serves an instruction: as many
/// threads at a time, in their order, as 128 bytes are for; of 12 bytes each, as of 16.
void countShared(const Instruction& in, Count& count) {
    std::size_t most = 4;
    for (const auto& t : in.ofThreads) most = std::max(most, t.bytes);
    const std::size_t atATime = most > 8 ? 8 : most > 4 ? 16 : warpThreads;
    for (std::size_t first = 0; first < warpThreads; first += atATime) {
        std::array<std::vector<Address>, 32> words;
        std::size_t different = 0, passes = 0;
        for (std::size_t i = first; i < first + atATime; ++i) {
            const auto [address, bytes] = in.ofThreads[i];
            for (Address word = address / 4; word * 4 < address + bytes; ++word) {
                auto& bank = words[word % 32];
                if (std::find(bank.begin(), bank.end(), word) != bank.end()) continue;
                bank.push_back(word);
                ++different;
            }
        }
        for (const auto& bank : words) passes = std::max(passes, bank.size());
        count.taken += static_cast<double>(passes);
        count.least += static_cast<double>((different + 31) / 32);
    }
}

/// The sectors of 32 bytes that an instruction touches.
void countGlobal(const Instruction& in, Count& count) {
    std::vector<Address> sectors, words;
    for (const auto& [address, bytes] : in.ofThreads) {
        for (Address a = address / 32; a * 32 < address + bytes; ++a) sectors.push_back(a);
        for (Address a = address / 2; a * 2 < address + bytes; ++a) words.push_back(a);
    }
    const auto different = [](std::vector<Address>& values) {
        std::sort(values.begin(), values.end());
        return std::unique(values.begin(), values.end()) - values.begin();
    };
    count.taken += static_cast<double>(different(sectors));
    count.least += static_cast<double>((different(words) + 15) / 16);
}

void finish() {
    for (const auto& [key, instruction] : instructions) {
        const Kind kind = instruction.kind;
        Count count;
        count.requests = 1;
        kind <= SharedStore ? countShared(instruction, count) : countGlobal(instruction, count);
        for (Count* c : {&kernel->all[kind], &kernel->places[{std::get<1>(key), kind}]}) {
            c->requests += count.requests;
            c->least += count.least;
            c->taken += count.taken;
        }
    }
    instructions.clear();
    times.clear();
}

void record(Address address, std::size_t bytes, bool writes, const void* place) {
    std::size_t offset = 0;
    const bool shared = sharedAt(address, offset) != nullptr;
    const Kind kind =
        shared ? (writes ? SharedStore : SharedLoad) : (writes ? GlobalStore : GlobalLoad);
    const unsigned time = times[{running, place, kind}]++;
    Instruction& in =
        instructions[{static_cast<std::size_t>(running) / warpThreads, place, kind, time}];
    in.kind = kind;
    in.ofThreads[static_cast<std::size_t>(running) % warpThreads] = {address, bytes};
}

void access(const void* at, std::size_t bytes, bool writes, const void* place) {
    if (running < 0) return;
    const auto address = reinterpret_cast<Address>(at);
    std::size_t offset = 0;
    if (auto* touched = sharedAt(address, offset)) {
        for (std::size_t i = 0; i < bytes; ++i) touch((*touched)[offset + i], writes);
    } else if (!isOfDevice(at)) {
        return;  // a stack, or a kernel's arguments
    } else if (!writes && bytes > 1) {
        const std::size_t each = std::min<std::size_t>(bytes, 4);
        checkWritten(at, each, bytes / each);
    }
    Wide& wide = wides[static_cast<std::size_t>(running)];
    if (address >= wide.begin && address + bytes <= wide.end) {
        if (!wide.counted[writes]) record(wide.begin, wide.end - wide.begin, writes, wide.place);
        wide.counted[writes] = true;
        return;
    }
    record(address, bytes, writes, place);
}

/// Prints what was counted, when the process ends: per kernel, then its worst places, as addresses
/// for `addr2line -Cfie`.
struct Printer {
    ~Printer() {
        std::printf("%-42s %-14s %12s %8s %8s\n", "kernel", "", "requests", "a req.", "at least");
        for (const auto& [name, k] : counts) {
            for (int kind = 0; kind < Kinds; ++kind) {
                const Count& c = k.all[static_cast<std::size_t>(kind)];
                if (c.requests == 0) continue;
                std::printf("%-42s %-14s %12.0f %8.2f %8.2f\n", name.c_str(), kindNames[kind],
                            c.requests, c.taken / c.requests, c.least / c.requests);
            }
            std::vector<std::pair<std::pair<const void*, Kind>, Count>> worst(k.places.begin(),
                                                                              k.places.end());
            std::sort(worst.begin(), worst.end(), [](const auto& a, const auto& b) {
                return a.second.taken - a.second.least > b.second.taken - b.second.least;
            });
            if (worst.size() > 5) worst.resize(5);
            for (const auto& [place, c] : worst) {
                if (c.taken < 1.1 * c.least) continue;
                std::printf("  at %-37p %-14s %12.0f %8.2f %8.2f\n", place.first,
                            kindNames[place.second], c.requests, c.taken / c.requests,
                            c.least / c.requests);
            }
        }
    }
} printer;

}  // namespace

void beginKernel(const char* name) {
    kernel = &counts[name];
}

void beginBlock() {
    finish();
    sharedMemory.clear();
    blockTime = 1;
    warpTime.fill(1);
    wides.fill({});
}

void blockBarrier() {
    finish();
    ++blockTime;
    wides.fill({});
}

void warpBarrier(std::size_t firstThread) {
    ++warpTime[firstThread / warpThreads];
}

void addShared(const void* memory, std::size_t bytes) {
    sharedMemory.push_back({reinterpret_cast<Address>(memory), std::vector<Touched>(bytes)});
}

void wide(const void* address, std::size_t bytes, const void* place) {
    if (running < 0) return;
    const auto begin = reinterpret_cast<Address>(address);
    wides[static_cast<std::size_t>(running)] = {begin, begin + bytes, place, {}};
}

void runs(std::size_t thread) {
    running = static_cast<int>(thread);
}

void stops() {
    running = -1;
}

}  // namespace cuda_emulation::accesses

// What -fsanitize=thread calls.
extern "C" {
#define DCN4J_ACCESS(size)                                                              \
    void __tsan_read##size(void* at) {                                                  \
        cuda_emulation::accesses::access(at, size, false, __builtin_return_address(0)); \
    }                                                                                   \
    void __tsan_write##size(void* at) {                                                 \
        cuda_emulation::accesses::access(at, size, true, __builtin_return_address(0));  \
    }                                                                                   \
    void __tsan_unaligned_read##size(void* at) {                                        \
        cuda_emulation::accesses::access(at, size, false, __builtin_return_address(0)); \
    }                                                                                   \
    void __tsan_unaligned_write##size(void* at) {                                       \
        cuda_emulation::accesses::access(at, size, true, __builtin_return_address(0));  \
    }
DCN4J_ACCESS(1)
DCN4J_ACCESS(2)
DCN4J_ACCESS(4)
DCN4J_ACCESS(8)
DCN4J_ACCESS(16)
void __tsan_read_range(void* at, std::size_t bytes) {
    cuda_emulation::accesses::access(at, bytes, false, __builtin_return_address(0));
}
void __tsan_write_range(void* at, std::size_t bytes) {
    cuda_emulation::accesses::access(at, bytes, true, __builtin_return_address(0));
}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}
// Of the host's code: whether a static variable has been made, counts of owners.
unsigned char __tsan_atomic8_load(const volatile unsigned char* at, int) {
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}
int __tsan_atomic32_fetch_add(volatile int* at, int value, int) {
    return __atomic_fetch_add(at, value, __ATOMIC_ACQ_REL);
}
int __tsan_atomic32_fetch_sub(volatile int* at, int value, int) {
    return __atomic_fetch_sub(at, value, __ATOMIC_ACQ_REL);
}
}

#endif
