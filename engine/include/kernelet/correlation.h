// The operator on arrays: a window slides over a signal of up to three axes.
#pragma once

#include <cstdint>
#include <string_view>

namespace kernelet {

// How a signal continues beyond its border: a number, periodically, or mirrored with the border
// cell repeated.
enum class Boundary { fill, wrap, symm };

struct Extents {
    std::int64_t depth;
    std::int64_t height;
    std::int64_t width;
};

// Sizes of one application; arrays are C-contiguous. The first window position lies `before` cells
// before the signal.
struct Correlation {
    std::int64_t batch;
    Extents signal;
    Extents window;
    Extents before;
    Extents output;
    Boundary boundary;
};

// out(z, y, x) = Σ signal(z + k − before, …) · window(k, l, m), summed tap by tap, on `threads`
// threads; the bits do not depend on how many. Beside its arguments it uses less than 200 KB a
// thread. Integers wrap around.
//
// T is float, double or an unsigned integer. Throws std::invalid_argument for sizes below 1 and
// for offsets no window can have, ConfigurationError where the threads cannot be started.
template <class T>
void correlate_direct(std::string_view isa, const Correlation& problem, const T* signal,
                      const T* window, T fill, T* output, int threads);

// The same for a window that is the outer product of a column and a row, the window's depth 1:
// out(z, y, x) = Σ_l column(l) Σ_m signal(…) · row(m), the sums over m rounded to T. Beside its
// arguments it uses about as much memory a thread as fits the cache.
template <class T>
void correlate_separable(std::string_view isa, const Correlation& problem, const T* signal,
                         const T* column, const T* row, T fill, T* output, int threads);

}  // namespace kernelet
