#include "kernelet/threads.h"

#include <pthread.h>

#include <chrono>
#include <csignal>
#include <exception>
#include <string>
#include <system_error>
#include <thread>

#include "kernelet/cpu_limits.h"
#include "kernelet/errors.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace kernelet {
namespace {

// A sleeping thread takes 50 to 100 µs to be back at work, so a shorter spin
// that succeeds always pays; a longer one only takes the core from others.
constexpr auto longest_spin = std::chrono::microseconds(30);

void pause() {
#if defined(__x86_64__) || defined(__i386__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

// Spins until `done()` or for longest_spin.
template <typename Condition>
void spin_for(Condition done) {
    constexpr int pauses_between_clock_readings = 16;
    const auto end = std::chrono::steady_clock::now() + longest_spin;
    do {
        for (int i = 0; i < pauses_between_clock_readings; ++i) {
            if (done()) return;
            pause();
        }
    } while (std::chrono::steady_clock::now() < end);
}

// Blocks signals in the calling thread, and so in threads it starts, so that
// the program's own threads handle them; faults stay where they occur.
class SignalsBlocked {
  public:
    SignalsBlocked() {
        sigset_t set;
        sigfillset(&set);
        for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
            sigdelset(&set, fault);
        pthread_sigmask(SIG_BLOCK, &set, &saved_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  private:
    sigset_t saved_;
};

thread_local bool inside_region = false;

}  // namespace

// --- Denormals ---------------------------------------------------------------

namespace {

#if defined(__x86_64__) || defined(__i386__)

// To zero when written, to zero when read.
constexpr std::uint64_t flush_bits = (1u << 15) | (1u << 6);
std::uint64_t floating_point_control() { return _mm_getcsr(); }
void set_floating_point_control(std::uint64_t bits) { _mm_setcsr(static_cast<unsigned>(bits)); }

#elif defined(__aarch64__)

constexpr std::uint64_t flush_bits = 1u << 24;
std::uint64_t floating_point_control() {
    std::uint64_t bits;
    __asm__ volatile("mrs %0, fpcr" : "=r"(bits));
    return bits;
}
void set_floating_point_control(std::uint64_t bits) {
    __asm__ volatile("msr fpcr, %0" : : "r"(bits));
}

#else

constexpr std::uint64_t flush_bits = 0;
std::uint64_t floating_point_control() { return 0; }
void set_floating_point_control(std::uint64_t) {}

#endif

}  // namespace

FlushDenormals::FlushDenormals() : saved_(floating_point_control()) {
    set_floating_point_control(saved_ | flush_bits);
}

FlushDenormals::~FlushDenormals() { set_floating_point_control(saved_); }

KeepDenormals::KeepDenormals() : saved_(floating_point_control()) {
    set_floating_point_control(saved_ & ~flush_bits);
}

KeepDenormals::~KeepDenormals() { set_floating_point_control(saved_); }

// --- Barrier -----------------------------------------------------------------

void Barrier::reset(int threads, bool spin) {
    arrived_.store(0, std::memory_order_relaxed);
    broken_.store(false, std::memory_order_relaxed);
    threads_ = threads;
    spin_ = spin;
}

void Barrier::wait() {
    // The generation is read before arriving, so it cannot have moved on yet;
    // and before broken_, which break_for_all sets before moving it on: a thread
    // sees either the flag or the change.
    const std::int32_t generation = generation_.load(std::memory_order_acquire);
    if (broken_.load(std::memory_order_acquire)) throw BarrierBroken();
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
        arrived_.store(0, std::memory_order_relaxed);
        generation_.fetch_add(1, std::memory_order_acq_rel);
        generation_.notify_all();
    } else {
        const auto moved_on = [&] {
            return generation_.load(std::memory_order_acquire) != generation;
        };
        if (spin_) spin_for(moved_on);
        while (!moved_on()) generation_.wait(generation, std::memory_order_acquire);
    }
    if (broken_.load(std::memory_order_acquire)) throw BarrierBroken();
}

void Barrier::break_for_all() noexcept {
    broken_.store(true, std::memory_order_release);
    generation_.fetch_add(1, std::memory_order_acq_rel);
    generation_.notify_all();
}

// --- ThreadPool --------------------------------------------------------------

namespace {

// A ticket is the number of a region, and in the last bit whether the worker must take part.
constexpr std::uint64_t must_bit = 1;
// The gate is the number of a region above so many bits that count who entered.
constexpr int gate_bits = 16;
constexpr std::uint64_t gate_count = (1u << gate_bits) - 1;

}  // namespace

struct ThreadPool::Worker {
    int index = 0;
    std::atomic<std::uint64_t> ticket{0};  // a later one replaces one that was not read
    std::thread thread;
};

struct ThreadPool::Region {
    Entry entry;
    void* context;
    int threads;
    Barrier* barrier;  // null where nobody waits for the others
    std::atomic<bool> failed{false};
    std::exception_ptr error{};

    void execute(int index) noexcept {
        const FlushDenormals flush;
        inside_region = true;
        try {
            entry(context, index, threads);
        } catch (...) {
            // The first failure only: the others follow from it.
            if (!failed.exchange(true)) error = std::current_exception();
            if (barrier != nullptr) barrier->break_for_all();
        }
        inside_region = false;
    }
};

ThreadPool::ThreadPool() = default;

ThreadPool::~ThreadPool() {
    region_ = nullptr;
    wake_workers(static_cast<int>(workers_.size()), true);
    for (const auto& worker : workers_) worker->thread.join();
}

void ThreadPool::check_threads(int threads) {
    if (threads >= 1 && threads <= max_threads) return;
    throw ConfigurationError("threads must be from 1 to " + std::to_string(max_threads) + ", not " +
                             std::to_string(threads) + ".");
}

namespace {

void check_call(int threads) {
    ThreadPool::check_threads(threads);
    if (inside_region) throw std::logic_error("a region cannot start another");
}

}  // namespace

void ThreadPool::run_region(int threads, Barrier& barrier, Entry entry, void* context) {
    check_call(threads);
    const std::lock_guard turn(turn_);
    start_workers(threads - 1);
    const bool spin = threads <= cpus_;
    barrier.reset(threads, spin);
    Region region{entry, context, threads, &barrier};
    region_ = &region;
    running_.store(threads - 1, std::memory_order_relaxed);
    wake_workers(threads - 1, true);
    region.execute(0);
    wait_for_workers(spin);
    if (region.error) std::rethrow_exception(region.error);
}

void ThreadPool::share_region(int threads, Entry first, Entry entry, void* context) {
    check_call(threads);
    const std::lock_guard turn(turn_);
    start_workers(threads - 1);
    Region alone{first, context, 1, nullptr};
    alone.execute(0);
    if (alone.error) std::rethrow_exception(alone.error);
    Region region{entry, context, threads, nullptr};
    region_ = &region;
    running_.store(0, std::memory_order_relaxed);
    if (threads > 1) {
        gate_.store((number_ + 1) << gate_bits, std::memory_order_release);
        wake_workers(threads - 1, false);
    }
    region.execute(0);
    const std::uint64_t entered = gate_.exchange(0, std::memory_order_acq_rel) & gate_count;
    running_.fetch_add(static_cast<std::int32_t>(entered), std::memory_order_acq_rel);
    wait_for_workers(threads <= cpus_);
    if (region.error) std::rethrow_exception(region.error);
}

void ThreadPool::wake_workers(int workers, bool must) {
    ++number_;
    for (int index = 0; index < workers; ++index) {
        std::atomic<std::uint64_t>& ticket = workers_[static_cast<std::size_t>(index)]->ticket;
        ticket.store(number_ << 1 | (must ? must_bit : 0), std::memory_order_release);
        ticket.notify_one();
    }
}

void ThreadPool::wait_for_workers(bool spin) {
    const auto left = [&] { return running_.load(std::memory_order_acquire); };
    if (spin) spin_for([&] { return left() == 0; });
    for (std::int32_t now = left(); now != 0; now = left()) {
        running_.wait(now, std::memory_order_acquire);
    }
}

void ThreadPool::start_workers(int workers) {
    const int started = static_cast<int>(workers_.size());
    if (started >= workers) return;
    cpus_ = available_cpus();
    workers_.reserve(static_cast<std::size_t>(workers));
    const SignalsBlocked blocked;
    for (int index = started; index < workers; ++index) {
        auto worker = std::make_unique<Worker>();
        worker->index = index + 1;
        try {
            worker->thread = std::thread(&ThreadPool::work, this, std::ref(*worker));
        } catch (const std::system_error& error) {
            throw ConfigurationError("the system started " + std::to_string(index + 1) + " of " +
                                     std::to_string(workers + 1) + " threads: " + error.what() +
                                     ".\n  Use fewer threads, or set KERNELET_THREADS to at most " +
                                     std::to_string(index + 1) + ".");
        }
        workers_.push_back(std::move(worker));
    }
}

void ThreadPool::work(Worker& worker) {
    bool spin = false;
    for (std::uint64_t seen = 0;;) {
        // Calls often follow each other, sooner than a sleeping thread would be back.
        if (spin) spin_for([&] { return worker.ticket.load(std::memory_order_acquire) != seen; });
        worker.ticket.wait(seen, std::memory_order_acquire);
        seen = worker.ticket.load(std::memory_order_acquire);
        if ((seen & must_bit) == 0 && !enter(seen >> 1)) continue;
        if (region_ == nullptr) return;
        region_->execute(worker.index);
        spin = region_->threads <= cpus_;
        if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
    }
}

// Returns whether the region of that number is still open, and counts the worker then: from there
// on the caller waits for it.
bool ThreadPool::enter(std::uint64_t number) {
    std::uint64_t gate = gate_.load(std::memory_order_acquire);
    while (gate >> gate_bits == number) {
        if (gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel)) return true;
    }
    return false;
}

// --- The pool of the process -------------------------------------------------

namespace {

// Holds the global pool without ever destroying it.
union GlobalPool {
    GlobalPool() {
        std::construct_at(&pool);
        pthread_atfork(nullptr, nullptr, renew);
    }
    ~GlobalPool() {}

    // Runs in a forked child, which has none of its parent's threads, and whose
    // pool another thread may have held at the moment of the fork: the old one
    // is neither locked nor destroyed.
    static void renew();

    ThreadPool pool;
};

GlobalPool global_pool;

void GlobalPool::renew() { std::construct_at(&global_pool.pool); }

}  // namespace

ThreadPool& ThreadPool::global() { return global_pool.pool; }

}  // namespace kernelet
