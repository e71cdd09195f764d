// What this machine does at most, measured: multiply-adds, bytes moved, threads brought together.
//
// Rates are of all threads together, and the best of some repetitions of a fraction of a
// millisecond: other programs can only make them smaller.
#pragma once

#include <cstdint>
#include <string>

namespace kernelet {

// Multiply-adds of float32 a second. Throws std::invalid_argument for an unknown instruction set;
// whether the processor has it is for the caller to know (cpu.h).
double multiply_add_rate(const std::string& isa, int threads, int repetitions);

// Multiply-adds a second of products of pairs of bfloat16 (vdpbf16ps); 0 where the processor, or
// the compiler that built this, has none.
double bfloat16_dot_rate(int threads, int repetitions);

// Multiply-adds a second of products of tiles of bfloat16 (AMX); 0 where there are none.
double tile_rate(int threads, int repetitions);

// Seconds that one thread takes to load a tile whose rows begin `stride` bytes apart, at `offset`
// bytes behind a cache line, out of `bytes` that it goes through again and again; 0 where there are
// no tiles. Rows less than a cache line apart overlap, as those of a sliding window do.
double tile_load_seconds(std::int64_t bytes, std::int64_t stride, std::int64_t offset,
                         int repetitions);

// Bytes moved a second, those read and those written both counted.
struct MovementRates {
    double read;
    double write;
    double copy;
};

// Where every thread goes through `bytes` of its own again and again.
MovementRates movement_rates(const std::string& isa, std::int64_t bytes, int threads,
                             int repetitions);

// Seconds that threads which arrive at the same time take to leave a barrier.
double barrier_seconds(int threads, int repetitions);

// Seconds from asking for threads until each of them has been at a barrier and all are done.
double region_seconds(int threads);

}  // namespace kernelet
