// The threads of a parallel region: each on a processor of its own, each with work of its own.
//
// Two things make two threads slower than one. Linux wakes a thread where it slept, or where the
// one that wakes it runs, unless it sees another processor idle; and of a virtual machine's it
// takes those for busy that the host has put aside for being idle. So threads that have once come
// to share a processor keep to it, call after call. And what a thread reads that another wrote
// comes from that one's cache: where the two have no last cache in common, six times as slowly as
// where they have (Zen 4: 165 and 26 ns).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "buffer.h"

namespace dcn4j::cpu {

class Team {
  public:
    /// Of the calling thread, which opens a region next, and the region's others.
    explicit Team(int threads);

    int size() const { return static_cast<int>(members_.size()); }

    /// What each thread of the region does first: where another of the team is on the same
    /// processor, it moves to one that it may run on and where none is, if there is one.
    void join();

    /// Calls `work(task)` once for each task from 0 to count - 1. All threads of the region call
    /// this. Each takes the tasks of its own part in order, in every phase the same part, so that
    /// its cache has what it wrote in the phase before; then what is left of the others' parts. It
    /// doesn't wait for them: a barrier of OpenMP's does.
    template <class Work>
    void share(Index count, Work work) {
        const int own = threadNumber();
        const std::uint64_t phase = ++member(own).phase;
        for (int i = 0; i < size(); ++i) {
            const Index whose = (own + i) % size();
            const Index first = count * whose / size();
            const Index tasks = count * (whose + 1) / size() - first;
            for (Index task; (task = take(member(whose), phase, tasks)) < tasks;) {
                work(first + task);
            }
        }
    }

  private:
    /// Processors that are told apart: as many as a cpu_set_t has.
    static constexpr int mostProcessors = 1024, wordBits = 64;
    /// Of Member::taken, for tasks; as many are left for phases: more than there are images, or
    /// tiles of those at work at a time, in any memory.
    static constexpr int taskBits = 32;

    struct Member {
        std::uint64_t phase = 0;  ///< that it is in; its own
        /// A phase, and the tasks of this member's part that are taken in it: in earlier phases
        /// all, in later ones none.
        std::atomic<std::uint64_t> taken{0};
        /// No two members' numbers share a cache line.
        std::array<char, 112> apart;
    };

    Member& member(Index i) { return members_[static_cast<std::size_t>(i)]; }

    /// A task of a member's part that none has taken, or their number.
    static Index take(Member& of, std::uint64_t phase, Index tasks) {
        std::uint64_t taken = of.taken.load(std::memory_order_relaxed), task;
        do {
            if (taken >> taskBits > phase) return tasks;
            task = taken >> taskBits < phase ? 0 : taken & ((std::uint64_t{1} << taskBits) - 1);
            if (task == static_cast<std::uint64_t>(tasks)) return tasks;
        } while (!of.taken.compare_exchange_weak(taken, phase << taskBits | (task + 1),
                                                 std::memory_order_relaxed));
        return static_cast<Index>(task);
    }

    /// Whether no other thread had taken the processor that this one is on.
    bool takeProcessor();
    bool isTaken(int processor) const;

    std::vector<Member> members_;
    std::array<std::atomic<std::uint64_t>, mostProcessors / wordBits> processors_{};
};

}  // namespace dcn4j::cpu
