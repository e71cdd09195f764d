// The thread pool as other parts of a process see it: asleep between regions,
// whole again after a fork.
#if defined(__linux__)

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "check.h"
#include "kernelet/threads.h"

namespace {

using kernelet::Barrier;
using kernelet::ThreadPool;

void run_a_region() {
    std::atomic<int> calls{0};
    Barrier barrier;
    ThreadPool::global().run(4, barrier, [&](int, int) {
        ++calls;
        barrier.wait();
        CHECK(calls == 4);
    });
}

// Runs `child` in a forked process; SIGALRM ends one that hangs.
template <typename Child>
void check_in_child(Child child) {
    constexpr unsigned seconds = 60;
    const pid_t process = fork();
    CHECK(process >= 0);
    if (process == 0) {
        alarm(seconds);
        child();
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(process, &status, 0) == process);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

void child_of_a_used_pool_runs_regions() {
    run_a_region();
    check_in_child([] {
        run_a_region();
        check_in_child(run_a_region);
    });
    run_a_region();
}

void child_forked_during_a_region_runs_regions() {
    std::atomic<bool> inside{false};
    std::atomic<bool> leave{false};
    std::thread other([&] {
        ThreadPool::global().run(2, [&](int, int) {
            inside = true;
            while (!leave) std::this_thread::yield();
        });
    });
    while (!inside) std::this_thread::yield();
    check_in_child(run_a_region);
    leave = true;
    other.join();
    run_a_region();
}

// Whether all threads of the process but the calling one sleep.
bool others_sleep() {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        if (task.path().filename() == std::to_string(gettid())) continue;
        std::string stat;
        std::ifstream file(task.path() / "stat");
        std::getline(file, stat);
        // "ID (NAME) STATE …", where the name may contain anything.
        if (stat.at(stat.rfind(')') + 2) != 'S') return false;
    }
    return true;
}

// A worker that polls for work is found running sooner or later.
void workers_sleep_between_regions() {
    run_a_region();
    while (!others_sleep()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (int look = 0; look < 100; ++look) {
        CHECK(others_sleep());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

}  // namespace

int main() {
    workers_sleep_between_regions();
    child_of_a_used_pool_runs_regions();
    child_forked_during_a_region_runs_regions();
}

#else

int main() {}

#endif
