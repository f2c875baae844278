#include "team.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace dcn4j::cpu {

Team::Team(int threads) : members_(static_cast<std::size_t>(threads)) {
    if (size() > 1) takeProcessor();
}

#if defined(__linux__)

void Team::join() {
    if (size() == 1 || threadNumber() == 0 || takeProcessor()) return;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    bool isAlone = false, hasMoved = false;
    for (int tries = 0; !isAlone && tries < size(); ++tries) {
        cpu_set_t others = allowed;
        for (int i = 0; i < mostProcessors; ++i) {
            if (isTaken(i)) CPU_CLR(static_cast<std::size_t>(i), &others);
        }
        if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) break;
        hasMoved = true;
        isAlone = takeProcessor();
    }
    if (hasMoved) sched_setaffinity(0, sizeof allowed, &allowed);
}

bool Team::takeProcessor() {
    const int processor = sched_getcpu();
    if (processor < 0 || processor >= mostProcessors) return true;
    const std::uint64_t bit = std::uint64_t{1} << processor % wordBits;
    auto& word = processors_[static_cast<std::size_t>(processor / wordBits)];
    return (word.fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
}

bool Team::isTaken(int processor) const {
    const auto& word = processors_[static_cast<std::size_t>(processor / wordBits)];
    return (word.load(std::memory_order_relaxed) >> processor % wordBits & 1) != 0;
}

#else

void Team::join() {}

bool Team::takeProcessor() {
    return true;
}

#endif

}  // namespace dcn4j::cpu
