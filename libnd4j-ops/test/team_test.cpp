// The threads of a region: where they run, and how they share out tasks.
#include "../src/kernels/cpu/team.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <thread>
#include <vector>

namespace dcn4j::cpu {
namespace {

TEST(Team, TakesEveryTaskOnceInEveryPhase) {
    for (const int threads : {1, 2, 3, 7}) {
        for (const Index count : {0, 1, 5, 64}) {
            constexpr Index phases = 20;
            std::vector<std::atomic<int>> taken(static_cast<std::size_t>(phases * (count + 1)));
            Team team(threads);
#pragma omp parallel num_threads(threads)
            {
                // A phase without tasks, and none waits for the phase before.
                for (Index phase = 0; phase < phases; ++phase) {
                    team.share(phase % 3 == 1 ? 0 : count, [&](Index task) {
                        ++taken[static_cast<std::size_t>(phase * (count + 1) + task)];
                    });
                }
            }
            for (Index phase = 0; phase < phases; ++phase) {
                for (Index task = 0; task <= count; ++task) {
                    const bool isOne = phase % 3 != 1 && task < count;
                    EXPECT_EQ(taken[static_cast<std::size_t>(phase * (count + 1) + task)], isOne)
                        << threads << " threads, task " << task << " of " << count;
                }
            }
        }
    }
}

TEST(Team, GoesOnBeyondMillionsOfPhases) {
    constexpr Index phases = (Index{1} << 24) + 10;
    Index taken = 0;
    Team team(1);
    for (Index phase = 0; phase < phases; ++phase) team.share(1, [&](Index) { ++taken; });
    EXPECT_EQ(taken, phases);
}

TEST(Team, DoesAllTasksWithFewerThreads) {
    std::vector<std::atomic<int>> taken(10);
    Team team(4);
#pragma omp parallel num_threads(2)
    {
        team.join();
        team.share(10, [&](Index task) { ++taken[static_cast<std::size_t>(task)]; });
    }
    for (const auto& times : taken) EXPECT_EQ(times, 1);
}

/// Whether a region of two threads has two. It also makes the second, which a thread does that may
/// still run everywhere.
bool areTwo() {
    std::atomic<int> threads{0};
#pragma omp parallel num_threads(2)
    ++threads;
    return threads == 2;
}

TEST(Team, TakesTasksOfOnesWhoAreLate) {
    if (!areTwo()) GTEST_SKIP() << "one thread";
    constexpr Index count = 10;
    std::atomic<int> others{0};
    Team team(2);
#pragma omp parallel num_threads(2)
    {
        // The one who is late comes when all is done.
        while (threadNumber() == 1 && others < count) std::this_thread::yield();
        team.share(count, [&](Index) { others += threadNumber() == 0; });
    }
    EXPECT_EQ(others, count);
}

TEST(Team, TakesItsOwnTasksFirst) {
    if (!areTwo()) GTEST_SKIP() << "one thread";
    constexpr Index count = 10, phases = 3;
    std::vector<Index> first;
    std::atomic<Index> begun{0};
    Team team(2);
#pragma omp parallel num_threads(2)
    {
        for (Index phase = 1; phase <= phases; ++phase) {
            bool isFirst = true;
            team.share(count, [&](Index task) {
                if (isFirst && threadNumber() == 1) first.push_back(task);
                begun += isFirst;
                isFirst = false;
                // Neither takes a second task before the other has begun.
                while (begun < 2 * phase) std::this_thread::yield();
            });
#pragma omp barrier
        }
    }
    EXPECT_EQ(first, std::vector<Index>(phases, count / 2));
}

/// Where a thread may run.
cpu_set_t allowed() {
    cpu_set_t set;
    EXPECT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
    return set;
}

void allow(const cpu_set_t& set) {
    EXPECT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
}

cpu_set_t only(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(processor), &set);
    return set;
}

/// A team of two whose second thread joins where the first one is; afterwards it may run on `then`.
void joinOnOneProcessor(const cpu_set_t& then, int& here, int& after, cpu_set_t& left) {
    const cpu_set_t before = allowed();
    here = sched_getcpu();
    allow(only(here));
    Team team(2);
#pragma omp parallel num_threads(2)
    {
        if (threadNumber() == 1) {
            const cpu_set_t mine = allowed();
            allow(only(here));
            allow(then);
            team.join();
            after = sched_getcpu();
            left = allowed();
            allow(mine);
        } else {
            team.join();
        }
    }
    allow(before);
}

TEST(Team, GivesEachThreadAProcessorOfItsOwn) {
    const cpu_set_t all = allowed();
    if (CPU_COUNT(&all) < 2 || !areTwo()) GTEST_SKIP() << "one processor";
    int here = -1, after = -1;
    cpu_set_t left;
    joinOnOneProcessor(all, here, after, left);
    EXPECT_NE(after, here);
    EXPECT_TRUE(CPU_EQUAL(&left, &all));
}

TEST(Team, LeavesAThreadWhereItMustBe) {
    int here = -1, after = -1;
    cpu_set_t left;
    if (!areTwo()) GTEST_SKIP() << "one thread";
    const cpu_set_t one = only(sched_getcpu());
    const cpu_set_t all = allowed();
    allow(one);
    joinOnOneProcessor(one, here, after, left);
    allow(all);
    EXPECT_EQ(after, here);
    EXPECT_TRUE(CPU_EQUAL(&left, &one));
}

}  // namespace
}  // namespace dcn4j::cpu
