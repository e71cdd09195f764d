// Kernels of the operator on arrays: plain functions on rows, one table per instruction set.
//
// Unlike the kernels of a plan they know neither batches nor borders: a driver in engine/arrays/
// divides an array into runs of whole vectors and hands over one row pointer per input row.
#pragma once

#include <cstdint>
#include <string_view>

namespace kernelet {

// Taps whose products one call sums up, and the distances of their weights in elements.
struct Taps {
    std::int64_t depth;
    std::int64_t height;
    std::int64_t width;
    std::int64_t depth_stride;
    std::int64_t row_stride;
};

// out(r, x) = Σ rows[k · (height + R − 1) + r + l][x + m] · weights(k, l, m) for the R output rows
// of a kernel and x from 0 to vectors × width − 1.
template <class T>
struct SlidingCall {
    Taps taps;
    const T* const* rows;
    const T* weights;
    T* output;
    std::int64_t output_stride;
    std::int64_t vectors;
    bool add;  // to what the output holds, instead of overwriting it
};

template <class T>
using SlidingKernel = void (*)(const SlidingCall<T>&);

inline constexpr int max_sliding_rows = 4;

template <class T>
struct SlidingKernels {
    std::int64_t width;  // elements of a vector
    // The kernel of R output rows, R from 1 on; `taps.height` must be at least R.
    SlidingKernel<T> rows[max_sliding_rows + 1];
    // One output row, `taps` of depth and height 1. Neighbouring vectors share their loads, which
    // pays for long windows; the order of the sum is its own.
    SlidingKernel<T> line;
};

// Integers wrap around in their own width, so one kernel serves both signs.
struct ArrayKernels {
    SlidingKernels<float> float32;
    SlidingKernels<double> float64;
    SlidingKernels<std::uint8_t> uint8;
    SlidingKernels<std::uint16_t> uint16;
    SlidingKernels<std::uint32_t> uint32;
    SlidingKernels<std::uint64_t> uint64;
};

// The kernels of an instruction set that this build contains; throws std::invalid_argument for
// another. Whether the processor has it is for the caller to know (cpu.h).
const ArrayKernels& array_kernels(std::string_view isa);

}  // namespace kernelet
