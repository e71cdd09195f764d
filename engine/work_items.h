// The items of a phase, and which thread takes which.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kernelet {

// Each thread takes the items of its own share first, the same ones in every run, because it finds
// in its caches what it read and wrote for them before; then what others have left of theirs.
// Consecutive phases use two sets of counters in turn: a thread that is still leaving the barrier
// behind a phase never meets what a faster one takes in the next.
class WorkItems {
  public:
    explicit WorkItems(int threads) : counters_(2 * static_cast<std::size_t>(threads)) {}

    // Calls `function(item)` for those of `count` items in the `parity`th set that this thread
    // takes.
    template <class Function>
    void take(int parity, std::int64_t count, int thread, int threads, const Function& function) {
        for (int k = 0; k < threads; ++k) {
            const int owner = (thread + k) % threads;
            const std::int64_t end = count * (owner + 1) / threads;
            std::atomic<std::int64_t>& taken = counter(parity, owner);
            for (;;) {
                const std::int64_t item = count * owner / threads + taken.fetch_add(1, relaxed);
                if (item >= end) break;
                function(item);
            }
        }
    }

    // Makes this thread's share of a set ready for another phase; no thread may be taking from it.
    void clear(int parity, int thread) { counter(parity, thread).store(0, relaxed); }

  private:
    static constexpr auto relaxed = std::memory_order_relaxed;

    struct alignas(64) Counter {
        std::atomic<std::int64_t> taken{0};
    };

    std::atomic<std::int64_t>& counter(int parity, int thread) {
        return counters_[2 * static_cast<std::size_t>(thread) + static_cast<std::size_t>(parity)]
            .taken;
    }

    std::vector<Counter> counters_;
};

}  // namespace kernelet
