// The thread pool: regions, barriers, failures.
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.h"
#include "kernelet/errors.h"
#include "kernelet/threads.h"

namespace {

std::atomic<long> allocations{0};

}  // namespace

// Counts every allocation of the program.
void* operator new(std::size_t bytes) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* memory = std::malloc(bytes)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using kernelet::Barrier;
using kernelet::ConfigurationError;
using kernelet::ThreadPool;

constexpr int most_threads = 16;  // more than the machines that run this have

void every_index_runs_once() {
    ThreadPool pool;
    for (int repeat = 0; repeat < 100; ++repeat) {
        for (int threads : {1, 2, 5, 3, most_threads}) {
            std::array<int, most_threads> calls{};
            const auto caller = std::this_thread::get_id();
            pool.run(threads, [&](int index, int count) {
                CHECK(count == threads);
                CHECK((index == 0) == (std::this_thread::get_id() == caller));
                ++calls[static_cast<std::size_t>(index)];
            });
            for (int index = 0; index < most_threads; ++index) {
                CHECK(calls[static_cast<std::size_t>(index)] == (index < threads ? 1 : 0));
            }
        }
    }
}

// Each thread writes its own plain integer and, past the barrier, reads all: a
// thread let through too early is seen, and reported by the thread sanitizer.
void barrier_orders_phases(int threads, int phases) {
    ThreadPool pool;
    Barrier barrier;
    std::array<int, most_threads> reached{};
    pool.run(threads, barrier, [&](int index, int count) {
        for (int phase = 1; phase <= phases; ++phase) {
            reached[static_cast<std::size_t>(index)] = phase;
            barrier.wait();
            for (int other = 0; other < count; ++other) {
                CHECK(reached[static_cast<std::size_t>(other)] == phase);
            }
            barrier.wait();
        }
    });
}

void failure_frees_threads_at_the_barrier() {
    ThreadPool pool;
    Barrier barrier;
    for (int failing = 0; failing < 4; ++failing) {
        std::atomic<int> freed{0};
        const auto body = [&](int index, int) {
            if (index == failing) throw std::out_of_range("first");
            try {
                barrier.wait();
            } catch (const kernelet::BarrierBroken&) {
                ++freed;
                throw;
            }
        };
        CHECK_THROWS(pool.run(4, barrier, body), std::out_of_range);
        CHECK(freed == 3);
    }
    barrier_orders_phases(4, 10);
    pool.run(4, barrier, [&](int, int) { barrier.wait(); });
}

void callers_take_turns() {
    ThreadPool pool;
    std::atomic<int> regions{0};
    int total = 0;  // unguarded: only one region runs at a time
    const auto call = [&] {
        for (int repeat = 0; repeat < 100; ++repeat) {
            Barrier barrier;
            pool.run(3, barrier, [&](int index, int) {
                if (index == 0) CHECK(regions.fetch_add(1) == 0);
                barrier.wait();
                if (index == 0) ++total;
                if (index == 0) CHECK(regions.fetch_sub(1) == 1);
            });
        }
    };
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller) callers.emplace_back(call);
    for (std::thread& caller : callers) caller.join();
    CHECK(total == 400);
}

// Takes tasks until none is left, as run_tasks does; plain integers, so that a caller that goes on
// too early is reported by the thread sanitizer.
void shared_tasks_are_done_once(ThreadPool& pool, int threads, int tasks) {
    std::vector<int> done(static_cast<std::size_t>(tasks));
    std::atomic<int> next{0};
    pool.share(threads, [&] {
        for (;;) {
            const int task = next.fetch_add(1);
            if (task >= tasks) return;
            ++done[static_cast<std::size_t>(task)];
        }
    });
    CHECK(std::all_of(done.begin(), done.end(), [](int times) { return times == 1; }));
}

void sharing_waits_for_nobody_who_is_late() {
    ThreadPool pool;
    for (int repeat = 0; repeat < 500; ++repeat) {
        std::atomic<int> inside{0};
        std::atomic<int> most{0};
        pool.share(1 + repeat % most_threads, [&] { most = std::max<int>(most, ++inside); });
        // All who entered have left, and nobody enters any more.
        const int entered = inside;
        CHECK(entered >= 1 && entered <= 1 + repeat % most_threads);
        CHECK(inside == entered && most <= entered);
        shared_tasks_are_done_once(pool, 1 + repeat % 5, repeat % 40);
    }
}

// What the caller does first, all who come see; each has an index of its own.
void sharing_begins_with_the_caller() {
    ThreadPool pool;
    for (int repeat = 0; repeat < 500; ++repeat) {
        const int threads = 1 + repeat % most_threads;
        int number = 0;
        std::vector<int> found(static_cast<std::size_t>(threads));
        pool.share(
            threads, [&] { number = repeat + 1; },
            [&](int index, int count) {
                CHECK(count == threads);
                found[static_cast<std::size_t>(index)] += number;
            });
        CHECK(found[0] == number);
        CHECK(std::all_of(found.begin(), found.end(),
                          [&](int sum) { return sum == 0 || sum == number; }));
    }
    bool shared = false;
    CHECK_THROWS(pool.share(
                     2, [] { throw std::out_of_range("any"); }, [&](int, int) { shared = true; }),
                 std::out_of_range);
    CHECK(!shared);
}

// Workers that come late for a shared region find another one, that needs them or does not.
void kinds_of_regions_alternate() {
    ThreadPool pool;
    Barrier barrier;
    for (int repeat = 0; repeat < 2000; ++repeat) {
        shared_tasks_are_done_once(pool, 4, repeat % 3);
        const int threads = 1 + repeat % 4;
        std::atomic<int> arrived{0};
        pool.run(threads, barrier, [&](int, int) {
            ++arrived;
            barrier.wait();
            CHECK(arrived == threads);
        });
    }
}

void sharing_rethrows() {
    ThreadPool pool;
    for (int repeat = 0; repeat < 100; ++repeat) {
        CHECK_THROWS(pool.share(3, [] { throw std::out_of_range("any"); }), std::out_of_range);
    }
    shared_tasks_are_done_once(pool, 3, 50);
    CHECK_THROWS(pool.share(0, [] {}), ConfigurationError);
    CHECK_THROWS(pool.share(2, [&] { pool.share(1, [] {}); }), std::logic_error);
}

void wrong_calls_are_refused() {
    ThreadPool& pool = ThreadPool::global();
    const auto nothing = [](int, int) {};
    CHECK_THROWS(pool.run(0, nothing), ConfigurationError);
    CHECK_THROWS(pool.run(1 << 20, nothing), ConfigurationError);
    CHECK_THROWS(pool.run(2, [&](int, int) { pool.run(1, nothing); }), std::logic_error);
    pool.run(2, nothing);
}

float half_of_smallest_normal() {
    volatile float smallest = std::numeric_limits<float>::min();
    return smallest * 0.5f;
}

void denormals_are_flushed_inside_only() {
    ThreadPool pool;
    CHECK(half_of_smallest_normal() > 0.0f);
    pool.run(4, [](int, int) { CHECK(half_of_smallest_normal() == 0.0f); });
    CHECK(half_of_smallest_normal() > 0.0f);
    const auto failing = [](int, int) { throw std::out_of_range("any"); };
    CHECK_THROWS(pool.run(1, failing), std::out_of_range);
    CHECK(half_of_smallest_normal() > 0.0f);
}

void workers_leave_signals_to_the_program() {
    ThreadPool pool;
    pool.run(4, [](int index, int) {
        sigset_t blocked;
        pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
        CHECK(sigismember(&blocked, SIGINT) == (index == 0 ? 0 : 1));
    });
}

void warm_regions_do_not_allocate() {
    ThreadPool pool;
    Barrier barrier;
    const auto body = [&](int, int) { barrier.wait(); };
    pool.run(4, barrier, body);
    const long before = allocations.load();
    for (int repeat = 0; repeat < 100; ++repeat) {
        pool.run(1 + repeat % 4, barrier, body);
        pool.share(1 + repeat % 4, [] {});
    }
    CHECK(allocations.load() == before);
}

}  // namespace

int main() {
    every_index_runs_once();
    for (int threads : {1, 2, 3, 4}) barrier_orders_phases(threads, 2000);
    barrier_orders_phases(most_threads, 200);
    failure_frees_threads_at_the_barrier();
    callers_take_turns();
    sharing_waits_for_nobody_who_is_late();
    sharing_begins_with_the_caller();
    kinds_of_regions_alternate();
    sharing_rethrows();
    wrong_calls_are_refused();
    denormals_are_flushed_inside_only();
    workers_leave_signals_to_the_program();
    warm_regions_do_not_allocate();
}
