// Independent tasks on the threads of the pool.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "kernelet/threads.h"

namespace kernelet {

// Tasks 0 to `tasks` − 1, handed out in runs of neighbours.
class TaskQueue {
  public:
    TaskQueue(std::int64_t tasks, int threads)
        : tasks_(tasks), run_(std::max<std::int64_t>(1, tasks / (threads * runs_a_thread))) {}

    // Makes a worker by `make_worker()` and calls it, as (begin, end), until no task is left.
    template <class MakeWorker>
    void work(const MakeWorker& make_worker) {
        auto worker = make_worker();
        for (;;) {
            const std::int64_t begin = next_.fetch_add(run_, std::memory_order_relaxed);
            if (begin >= tasks_) return;
            worker(begin, std::min(tasks_, begin + run_));
        }
    }

  private:
    // Runs short enough that no thread ends long after the others.
    static constexpr std::int64_t runs_a_thread = 8;

    std::int64_t tasks_;
    std::int64_t run_;
    std::atomic<std::int64_t> next_{0};
};

// Runs tasks 0 to `tasks` − 1 on up to `threads` threads, each with a worker of its own. Threads
// that come when no task is left are not waited for.
template <class MakeWorker>
void run_tasks(std::int64_t tasks, int threads, const MakeWorker& make_worker) {
    TaskQueue queue(tasks, threads);
    ThreadPool::global().share(threads, [&] {
        const KeepDenormals keep;
        queue.work(make_worker);
    });
}

}  // namespace kernelet
