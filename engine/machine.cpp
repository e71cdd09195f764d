#include "kernelet/machine.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

#include "kernelet/aligned.h"
#include "kernelet/machine_kernels.h"
#include "kernelet/threads.h"
#include "machine_bfloat16.h"
#include "machine_tiles.h"

namespace kernelet {
namespace {

using Clock = std::chrono::steady_clock;

// Work of a repetition: long against a barrier, short against a time slice.
constexpr std::int64_t products_a_repetition = 30'000'000;
constexpr std::int64_t bytes_a_repetition = 8 << 20;
constexpr std::int64_t tile_loads_a_repetition = 40'000;

// Where other programs held a core meanwhile, a repetition is repeated, up to this many times as
// often in all.
constexpr int patience = 5;
constexpr double least_busy = 0.9;

constexpr float factor = 0.999F;

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// Seconds that the calling thread has had a processor.
double processor_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct alignas(64) Times {
    Clock::time_point begin;
    Clock::time_point end;
    double busy = 0;
    float result = 0;  // keeps the work from being left out

    template <typename Work>
    void measure(const Work& work) {
        const double before = processor_time();
        begin = Clock::now();
        result += work();
        end = Clock::now();
        busy = processor_time() - before;
    }
};

// The best of all repetitions.
class Best {
  public:
    // Whether more repetitions would help to find `wanted` undisturbed ones.
    bool wants_more(int wanted) const {
        return undisturbed_ < wanted && repetitions_ < patience * wanted;
    }
    void add(const std::vector<Times>& times) {
        Clock::time_point begin = times[0].begin;
        Clock::time_point end = times[0].end;
        double busy = times[0].busy;
        for (const Times& thread : times) {
            begin = std::min(begin, thread.begin);
            end = std::max(end, thread.end);
            busy = std::min(busy, thread.busy);
        }
        const double elapsed = seconds(end - begin);
        seconds_ = repetitions_ == 0 ? elapsed : std::min(seconds_, elapsed);
        undisturbed_ += busy > least_busy * elapsed ? 1 : 0;
        ++repetitions_;
    }
    double value() const { return seconds_; }

  private:
    double seconds_ = 0;
    int repetitions_ = 0;
    int undisturbed_ = 0;
};

// The shortest time in which all threads did work(thread) once, from the first that began to the
// last that ended.
template <typename Work>
double shortest(int threads, int repetitions, const Work& work) {
    std::vector<Times> times(static_cast<std::size_t>(threads));
    Best best;
    Barrier barrier;
    ThreadPool::global().run(threads, barrier, [&](int thread, int) {
        Times& own = times[static_cast<std::size_t>(thread)];
        for (;;) {
            barrier.wait();
            if (!best.wants_more(repetitions)) return;
            own.measure([&] { return work(thread); });
            barrier.wait();
            if (thread == 0) best.add(times);
        }
    });
    return best.value();
}

// `bytes` of one thread, rounded to whole steps of the loops.
struct Buffer {
    std::int64_t size;  // floats
    AlignedArray<float> data;

    explicit Buffer(std::int64_t bytes)
        : size(std::max<std::int64_t>(1, bytes / 4 / (2 * machine_step)) * 2 * machine_step),
          data(aligned_array<float>(size)) {}
};

// One for each thread, which writes it first, so that its pages lie near the thread.
std::vector<Buffer> written_buffers(const MachineKernels& kernels, std::int64_t bytes,
                                    int threads) {
    std::vector<Buffer> buffers;
    for (int thread = 0; thread < threads; ++thread) buffers.emplace_back(bytes);
    ThreadPool::global().run(threads, [&](int thread, int) {
        const Buffer& own = buffers[static_cast<std::size_t>(thread)];
        kernels.write(own.data.get(), own.size, factor);
    });
    return buffers;
}

}  // namespace

double multiply_add_rate(const std::string& isa, int threads, int repetitions) {
    const MachineKernels& kernels = machine_kernels(isa);
    const std::int64_t turns = products_a_repetition / kernels.products;
    const double time =
        shortest(threads, repetitions, [&](int) { return kernels.multiply_add(turns, factor); });
    return static_cast<double>(turns * kernels.products * threads) / time;
}

double bfloat16_dot_rate(int threads, int repetitions) {
    if (!has_bfloat16_dot()) return 0;
    const std::int64_t turns = 2 * products_a_repetition / bfloat16_dot_products;
    const double time = shortest(threads, repetitions, [&](int) { return bfloat16_dot(turns); });
    return static_cast<double>(turns * bfloat16_dot_products * threads) / time;
}

double tile_rate(int threads, int repetitions) {
    if (!has_tiles()) return 0;
    constexpr std::int64_t products_a_turn = tiles_a_turn * tile_products;
    const std::int64_t turns = 10 * products_a_repetition / products_a_turn;
    const double time = shortest(threads, repetitions, [&](int) { return multiply_tiles(turns); });
    return static_cast<double>(turns * products_a_turn * threads) / time;
}

double tile_load_seconds(std::int64_t bytes, std::int64_t stride, std::int64_t offset,
                         int repetitions) {
    if (!has_tiles()) return 0;
    constexpr std::int64_t unrolled = 4;
    const std::int64_t step = tile_rows * stride;
    const std::int64_t count = std::max<std::int64_t>(1, bytes / step / unrolled) * unrolled;
    const std::int64_t turns = std::max<std::int64_t>(1, tile_loads_a_repetition / count);
    // The last rows reach beyond their step where rows overlap.
    const auto data = aligned_array<char>(count * step + offset + tile_row_bytes);
    std::fill_n(data.get(), count * step + offset + tile_row_bytes, '\0');
    const double time = shortest(1, repetitions, [&](int) {
        load_tiles(data.get() + offset, stride, step, count, turns);
        return 0.0F;
    });
    return time / static_cast<double>(count * turns);
}

MovementRates movement_rates(const std::string& isa, std::int64_t bytes, int threads,
                             int repetitions) {
    const MachineKernels& kernels = machine_kernels(isa);
    const std::vector<Buffer> buffers = written_buffers(kernels, bytes, threads);
    const std::int64_t size = buffers[0].size;
    const std::int64_t turns = std::max<std::int64_t>(1, bytes_a_repetition / (4 * size));
    const auto rate = [&](const auto& move) {
        const double time = shortest(threads, repetitions, [&](int thread) {
            float* values = buffers[static_cast<std::size_t>(thread)].data.get();
            float sum = 0;
            for (std::int64_t turn = 0; turn < turns; ++turn) sum += move(values);
            return sum;
        });
        return static_cast<double>(4 * size * turns * threads) / time;
    };
    return {rate([&](float* values) { return kernels.read(values, size); }),
            rate([&](float* values) {
                kernels.write(values, size, factor);
                return values[0];
            }),
            rate([&](float* values) {
                kernels.copy(values, values + size / 2, size / 2);
                return values[size - 1];
            })};
}

double barrier_seconds(int threads, int repetitions) {
    constexpr int waits = 1000;
    Barrier barrier;
    double best = 0;
    ThreadPool::global().run(threads, barrier, [&](int thread, int) {
        for (int repetition = 0; repetition < repetitions; ++repetition) {
            barrier.wait();
            const Clock::time_point begin = Clock::now();
            for (int wait = 0; wait < waits; ++wait) barrier.wait();
            const double elapsed = seconds(Clock::now() - begin) / waits;
            if (thread == 0) best = repetition == 0 ? elapsed : std::min(best, elapsed);
        }
    });
    return best;
}

double region_seconds(int threads) {
    Barrier barrier;
    const Clock::time_point begin = Clock::now();
    ThreadPool::global().run(threads, barrier, [&](int, int) { barrier.wait(); });
    return seconds(Clock::now() - begin);
}

}  // namespace kernelet
