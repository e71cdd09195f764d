// Sliding dot products by way of discrete Fourier transforms.
//
// A transform is polynomial division. A polynomial modulo xⁿ − e^{2πiθ} is reduced modulo the r
// factors x^{n/r} − e^{2πi(θ+j)/r} of that modulus, those in turn, and so on down to its values at
// n points. The product of two polynomials is the product of their values; the way back undoes
// each division. Every division happens in place and costs one set of constants for a whole block,
// so neighbouring coefficients fill the lanes, and nothing is ever put into the usual order.
//
// Real numbers are transformed at full use of both parts: xⁿ − i is half of x²ⁿ + 1 and its other
// half its mirror image, so with a real polynomial of 2n coefficients, those from n on stored as
// imaginary parts, one complex transform of length n from θ = ¼ computes products modulo x²ⁿ + 1.
// Like the usual x²ⁿ − 1 that wraps around, with its sign changed; either way only coefficients
// that nothing wrapped into are used.
//
// Several axes are divided one after the other: coefficients of polynomials in y are polynomials
// in x. The innermost axis ends in cells of 16 neighbouring coefficients.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kernelet/correlation.h"

namespace kernelet {

struct Team;

// Neighbouring coefficients of the innermost axis, stored as 16 real and then 16 imaginary parts.
inline constexpr std::int64_t fourier_cell = 16;
inline constexpr std::int64_t fourier_cell_elements = 2 * fourier_cell;

// --- Kernels ---------------------------------------------------------------------------------

// Neighbouring blocks of radix × stride cells. Of each, the columns from `begin` to `end` are
// processed: the cells that lie `stride` apart.
struct FourierBlocks {
    std::int64_t count;
    std::int64_t stride;
    std::int64_t begin;
    std::int64_t end;
    std::int64_t first;   // which set of constants is that of the first block
    std::int64_t period;  // sets of constants; the first one follows the last
};

// A set of constants is c, c², …, c^{radix−1}, real part before imaginary part.
template <class T>
using FourierDivision = void (*)(T* cells, const T* constants, const FourierBlocks& blocks);

// The 16 coefficients of each cell become 16 values. `roots` holds, for 16 neighbouring cells at a
// time, c, c², c³, c⁴, c⁸, c¹² with c = e^{2πiθ/16}, as 16 real and then 16 imaginary parts.
struct FourierGroups {
    std::int64_t count;
    std::int64_t first;
    std::int64_t period;
};

template <class T>
struct FourierKernels {
    // By radix, null for those that there are none of.
    FourierDivision<T> divide[9];
    FourierDivision<T> combine[9];
    // Stores the values, each multiplied by `scale`, groups of 16 cells transposed.
    void (*evaluate)(T* cells, const T* roots, const FourierGroups& groups, T scale);
    // Multiplies the values by those of `factors`, which `evaluate` stored, and goes back to
    // coefficients.
    void (*multiply)(T* cells, const T* factors, const T* roots, const FourierGroups& groups);
    // Copies numbers to the real or imaginary parts of whole cells, or back.
    void (*scatter)(const T* numbers, T* cells, std::int64_t count);
    void (*gather)(const T* cells, T* numbers, std::int64_t count);
};

struct FourierTable {
    FourierKernels<float> float32;
    FourierKernels<double> float64;
};

// The kernels of an instruction set that this build contains; throws std::invalid_argument for
// another. Whether the processor has it is for the caller to know (cpu.h).
const FourierTable& fourier_table(std::string_view isa);

// --- Plan ------------------------------------------------------------------------------------

// Transforms of one size, over three axes.
template <class T>
class FourierPlan {
  public:
    // Radices, axis by axis and in the order of their divisions. The length of an axis is their
    // product, for the innermost axis times 16. The outermost axis that has radices, or else the
    // innermost one, is folded: it holds twice as many real numbers as its length.
    //
    // Throws std::invalid_argument for a radix that there is no kernel of, and where the cells do
    // not fill groups of 16.
    FourierPlan(const FourierKernels<T>& kernels, const std::array<std::vector<int>, 3>& radices);

    const FourierKernels<T>& kernels() const { return kernels_; }
    const std::array<std::int64_t, 3>& lengths() const { return lengths_; }
    std::size_t folded_axis() const { return folded_axis_; }
    std::int64_t cells() const { return cells_; }

    // Turns coefficients into values, divided by the number of values.
    void evaluate(T* cells, const Team& team) const;

    // Multiplies polynomials: coefficients in `cells` by the values that `evaluate` left in
    // `factors`.
    void multiply(T* cells, const T* factors, const Team& team) const;

  private:
    struct Level {
        int radix;
        std::int64_t stride;  // cells of a block after this division
        std::int64_t period;  // sets of constants
        std::vector<T> constants;
    };

    std::vector<double> add_axis(const std::vector<int>& radices, double angle,
                                 std::int64_t inner_cells);
    void set_roots(const std::vector<double>& angles);
    void choose_leaf();

    std::int64_t block_cells(std::size_t level) const;
    std::size_t shared_levels(const Team& team) const;
    void divide(std::size_t level, T* cells, const FourierBlocks& blocks, bool back) const;
    void divide_together(std::size_t level, T* cells, const Team& team, bool back) const;
    void transform_together(T* cells, const T* factors, const Team& team) const;
    void transform(std::size_t level, T* cells, const T* factors, std::int64_t index) const;
    void transform_leaf(T* cells, const T* factors, std::int64_t index) const;

    const FourierKernels<T>& kernels_;
    std::array<std::int64_t, 3> lengths_{};
    std::size_t folded_axis_ = 2;
    std::int64_t cells_ = 1;
    std::vector<Level> levels_;
    std::size_t leaf_ = 0;  // blocks of this level are transformed while in the nearest cache
    std::vector<T> roots_;
    std::int64_t root_period_ = 1;
};

extern template class FourierPlan<float>;
extern template class FourierPlan<double>;

// --- Sliding dot products ----------------------------------------------------------------------

// Solves a problem piece by piece, `step` results an axis at a time, the signal's numbers that they
// need in one transform. They are the same bits on any number of threads. See correlation.h.
//
// Throws std::invalid_argument where pieces do not fit the transform or a size is below 1,
// std::bad_alloc, and ConfigurationError where the threads cannot be started.
template <class T>
void correlate_by_transforms(const FourierPlan<T>& plan, const Correlation& problem,
                             const std::array<std::int64_t, 3>& step, const T* signal,
                             const T* window, T fill, T* output, int threads);

}  // namespace kernelet
