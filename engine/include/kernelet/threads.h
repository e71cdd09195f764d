#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace kernelet {

// Flushes denormal numbers, read and written, to zero in the calling thread for
// the lifetime of the object: they cost a hundred cycles and carry no
// information that training needs.
class FlushDenormals {
  public:
    FlushDenormals();
    ~FlushDenormals();
    FlushDenormals(const FlushDenormals&) = delete;
    FlushDenormals& operator=(const FlushDenormals&) = delete;

  private:
    std::uint64_t saved_;
};

// The opposite, within a region: operators on arrays keep denormal numbers, as NumPy does.
class KeepDenormals {
  public:
    KeepDenormals();
    ~KeepDenormals();
    KeepDenormals(const KeepDenormals&) = delete;
    KeepDenormals& operator=(const KeepDenormals&) = delete;

  private:
    std::uint64_t saved_;
};

// Thrown out of Barrier::wait where another thread will never arrive.
class BarrierBroken : public std::runtime_error {
  public:
    BarrierBroken() : std::runtime_error("another thread of the region failed") {}
};

// A point that every thread of a region reaches before any goes on, any number
// of times. A waiting thread spins for some microseconds, because the others
// are about to arrive when the work is well shared, and then sleeps.
class Barrier {
  public:
    Barrier() = default;
    Barrier(const Barrier&) = delete;
    Barrier& operator=(const Barrier&) = delete;

    // Makes ready for `threads` threads; none may be waiting. Without `spin` a
    // waiting thread sleeps at once, as it must where threads share a processor.
    void reset(int threads, bool spin);

    // Waits for all threads. What each wrote before is visible to all after.
    // Throws BarrierBroken where break_for_all was called.
    void wait();

    // Lets every thread that waits now or later leave by BarrierBroken.
    void break_for_all() noexcept;

  private:
    alignas(64) std::atomic<std::int32_t> arrived_{0};
    alignas(64) std::atomic<std::int32_t> generation_{0};
    std::atomic<bool> broken_{false};
    std::int32_t threads_ = 1;
    bool spin_ = false;
};

// Threads that sleep until there is a region to run. A region is one call of
// run: its body is called once by each of the given number of threads, the
// caller among them.
class ThreadPool {
  public:
    ThreadPool();
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    // The pool of the process. It is never destroyed, because threads of an
    // exiting process may still be in a region, and a forked child has a new one.
    static ThreadPool& global();

    // Throws ConfigurationError for a number of threads that no region can have.
    static void check_threads(int threads);

    // Calls body(thread_index, thread_count) on exactly `threads` threads at once,
    // with denormals flushed; index 0 is the caller. Returns when all have
    // returned. Callers from several threads take turns.
    //
    // `barrier` is made ready for the region. The first exception out of a body
    // breaks the barrier, so that no thread waits for the one that failed, and is
    // rethrown here once all threads have left.
    //
    // Throws ConfigurationError where the system refuses to start the threads,
    // and std::logic_error where a body starts a region. Allocates only for
    // threads not yet started and for exceptions.
    template <typename Body>
    void run(int threads, Barrier& barrier, Body&& body) {
        using Type = std::remove_reference_t<Body>;
        run_region(
            threads, barrier,
            [](void* context, int index, int count) {
                (*static_cast<Type*>(context))(index, count);
            },
            const_cast<void*>(static_cast<const void*>(std::addressof(body))));
    }

    // The same for a body that needs no barrier.
    template <typename Body>
    void run(int threads, Body&& body) {
        Barrier unused;
        run(threads, unused, body);
    }

    // Calls body() on the caller and on those of `threads` − 1 others that come before the caller
    // returns from it: for bodies that take work until none is left. A thread that was asleep, or
    // has no processor, is not waited for. Otherwise like run.
    template <typename Body>
    void share(int threads, Body&& body) {
        share(threads, [] {}, [&](int, int) { body(); });
    }

    // The same for a body that takes the thread's index and count, after first() on the caller.
    template <typename First, typename Body>
    void share(int threads, First&& first, Body&& body) {
        struct Both {
            std::remove_reference_t<First>& first;
            std::remove_reference_t<Body>& body;
        } both{first, body};
        share_region(
            threads, [](void* context, int, int) { static_cast<Both*>(context)->first(); },
            [](void* context, int index, int count) {
                static_cast<Both*>(context)->body(index, count);
            },
            &both);
    }

  private:
    using Entry = void (*)(void* context, int index, int count);
    struct Worker;
    struct Region;

    void run_region(int threads, Barrier& barrier, Entry entry, void* context);
    void share_region(int threads, Entry first, Entry entry, void* context);
    void start_workers(int workers);
    void wake_workers(int workers, bool must);
    void wait_for_workers(bool spin);
    void work(Worker& worker);
    bool enter(std::uint64_t number);

    std::mutex turn_;  // held by the caller whose region runs
    std::vector<std::unique_ptr<Worker>> workers_;
    Region* region_ = nullptr;  // written before workers wake, read by those that take part
    std::uint64_t number_ = 0;  // of the region
    // The number of the region that workers may enter, and how many have; 0 while there is none.
    alignas(64) std::atomic<std::uint64_t> gate_{0};
    std::atomic<std::int32_t> running_{0};  // workers still in the region
    int cpus_ = 1;                          // processors available when threads were last started
};

}  // namespace kernelet
