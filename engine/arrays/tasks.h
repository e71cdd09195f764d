// Independent tasks on the threads of the pool.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "kernelet/threads.h"

namespace kernelet {

// Runs tasks 0 to `tasks` − 1: each thread makes a worker by `make_worker()` and calls it with runs
// of tasks, as (begin, end), as it becomes free. Threads that come when no task is left are not
// waited for.
template <class MakeWorker>
void run_tasks(std::int64_t tasks, int threads, const MakeWorker& make_worker) {
    // Runs short enough that no thread ends long after the others.
    constexpr std::int64_t runs_a_thread = 8;
    const std::int64_t run = std::max<std::int64_t>(1, tasks / (threads * runs_a_thread));
    std::atomic<std::int64_t> next{0};
    ThreadPool::global().share(threads, [&] {
        const KeepDenormals keep;
        auto worker = make_worker();
        for (;;) {
            const std::int64_t begin = next.fetch_add(run, std::memory_order_relaxed);
            if (begin >= tasks) return;
            worker(begin, std::min(tasks, begin + run));
        }
    });
}

}  // namespace kernelet
