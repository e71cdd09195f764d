#include "kernelet/cpu_limits.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <thread>

#include "cgroup.h"
#include "kernelet/errors.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace kernelet {

int affinity_limit() {
#if defined(__linux__)
    // The kernel refuses a set smaller than its own, whose size it does not tell.
    for (int capacity = CPU_SETSIZE; capacity <= 1 << 20; capacity *= 2) {
        cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(capacity));
        if (set == nullptr) break;
        const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(capacity));
        const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (count > 0) return count;
    }
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::optional<double> cgroup_limit(const std::string& root) {
    std::optional<double> smallest;
    for (const cgroup::Group& group : cgroup::groups_with_cpu_controller(root)) {
        const std::optional<double> limit = cgroup::cpu_limit(group);
        if (limit && (!smallest || *limit < *smallest)) smallest = limit;
    }
    return smallest;
}

namespace {

// The limit as it was within the last second: the files take 0.1 ms to read, longer than many a
// filter of an array. Infinity where there is none. Threads that meet here read the files twice.
double recent_cgroup_limit() {
    using Clock = std::chrono::steady_clock;
    static std::atomic<double> limit{0.0};
    static std::atomic<Clock::rep> valid_until{Clock::time_point::min().time_since_epoch().count()};
    const Clock::time_point now = Clock::now();
    if (now.time_since_epoch().count() >= valid_until.load(std::memory_order_acquire)) {
        limit.store(cgroup_limit().value_or(std::numeric_limits<double>::infinity()));
        valid_until.store((now + std::chrono::seconds(1)).time_since_epoch().count(),
                          std::memory_order_release);
    }
    return limit.load();
}

}  // namespace

int available_cpus() {
    const int allowed = affinity_limit();
    const double quota = recent_cgroup_limit();
    return quota >= allowed ? allowed : std::max(1, static_cast<int>(quota));
}

int usable_threads() {
    const char* text = std::getenv("KERNELET_THREADS");
    if (text == nullptr || *text == '\0') return available_cpus();
    int threads = 0;
    const char* end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, threads);
    if (error != std::errc{} || stop != end || threads < 1 || threads > max_threads) {
        throw ConfigurationError("KERNELET_THREADS: expected a whole number from 1 to " +
                                 std::to_string(max_threads) + ", got '" + text +
                                 "'.\n  Leave it out to use " + std::to_string(available_cpus()) +
                                 ".");
    }
    return threads;
}

}  // namespace kernelet
