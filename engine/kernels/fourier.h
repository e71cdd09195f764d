// Divisions of polynomials, and products of their values. See kernelet/fourier.h for the method.
#pragma once

#include "kernelet/fourier.h"
#include "kernels/fourier_butterflies.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

template <class T>
KERNELET_INLINE Complex<T> load_complex(const T* p) {
    return {VectorOf<T>::load(p), VectorOf<T>::load(p + fourier_cell)};
}
template <class T>
KERNELET_INLINE void store_complex(Complex<T> x, T* p) {
    x.re.store(p);
    x.im.store(p + fourier_cell);
}
template <class T>
KERNELET_INLINE Complex<T> broadcast_complex(const T* p) {
    return {VectorOf<T>::broadcast_from(p), VectorOf<T>::broadcast_from(p + 1)};
}
template <class T>
KERNELET_INLINE Complex<T> broadcast_complex(T re, T im) {
    return {VectorOf<T>::broadcast(re), VectorOf<T>::broadcast(im)};
}

// One block: column by column, `radix` numbers that lie `stride` cells apart.
template <int radix, bool back, class T>
KERNELET_INLINE void fourier_block(T* cells, const T* constants, const FourierBlocks& blocks) {
    const std::int64_t leg = blocks.stride * fourier_cell_elements;
    for (std::int64_t column = blocks.begin; column < blocks.end; ++column) {
        for (std::int64_t lane = 0; lane < fourier_cell; lane += VectorOf<T>::width) {
            T* const p = cells + column * fourier_cell_elements + lane;
            Complex<T> x[radix];
#pragma GCC unroll 8
            for (int k = 0; k < radix; ++k) {
                x[k] = load_complex(p + k * leg);
                if (!back && k > 0) {
                    x[k] = multiply<false>(broadcast_complex(constants + 2 * (k - 1)), x[k]);
                }
            }
            Butterfly<radix, back>::apply(x);
#pragma GCC unroll 8
            for (int k = 0; k < radix; ++k) {
                if (back && k > 0) {
                    x[k] = multiply<true>(broadcast_complex(constants + 2 * (k - 1)), x[k]);
                }
                store_complex(x[k], p + k * leg);
            }
        }
    }
}

template <int radix, bool back, class T>
void fourier_division(T* cells, const T* constants, const FourierBlocks& blocks) {
    std::int64_t set = blocks.first;
    for (std::int64_t block = 0; block < blocks.count; ++block) {
        fourier_block<radix, back>(cells, constants + set * 2 * (radix - 1), blocks);
        cells += radix * blocks.stride * fourier_cell_elements;
        set = set + 1 == blocks.period ? 0 : set + 1;
    }
}

// Coefficient k of a vector's worth of cells, from `cells` on, or back. In memory the coefficients
// of a cell are neighbours; here they are in 16 vectors, one lane a cell.
template <class T>
KERNELET_INLINE void load_transposed(const T* cells, VectorOf<T>* values) {
    using V = VectorOf<T>;
    KERNELET_UNROLL
    for (int column = 0; column < fourier_cell; column += V::width) {
        KERNELET_UNROLL
        for (int i = 0; i < V::width; ++i) {
            values[column + i] = V::load(cells + i * fourier_cell_elements + column);
        }
        transpose(values + column);
    }
}
template <class T>
KERNELET_INLINE void store_transposed(VectorOf<T>* values, T* cells) {
    using V = VectorOf<T>;
    KERNELET_UNROLL
    for (int column = 0; column < fourier_cell; column += V::width) {
        transpose(values + column);
        KERNELET_UNROLL
        for (int i = 0; i < V::width; ++i) {
            values[column + i].store(cells + i * fourier_cell_elements + column);
        }
    }
}

// ω^{jk} for ω = e^{2πi/16}, 0 < j, k < 4.
template <class T>
inline constexpr T fourier_cosines[10] = {
    T(1),  T(0.92387953251128675613),  T(0.70710678118654752440),  T(0.38268343236508977173),
    T(0),  T(-0.38268343236508977173), T(-0.70710678118654752440), T(-0.92387953251128675613),
    T(-1), T(-0.92387953251128675613),
};

template <class T>
KERNELET_INLINE Complex<T> sixteenth_root(int power) {
    constexpr int quarter = 4;
    const T cosine = fourier_cosines<T>[power];
    const T sine =
        power < quarter ? fourier_cosines<T>[quarter - power] : fourier_cosines<T>[power - quarter];
    return broadcast_complex(cosine, sine);
}

// The coefficients of as many cells as a vector has lanes.
template <class T>
struct CellLanes {
    VectorOf<T> re[fourier_cell];
    VectorOf<T> im[fourier_cell];

    KERNELET_INLINE Complex<T> get(int k) const { return {re[k], im[k]}; }
    KERNELET_INLINE void set(int k, Complex<T> x) {
        re[k] = x.re;
        im[k] = x.im;
    }
};

// One division by 4: from polynomials of length 16 to such of length 4, or back.
template <bool back, class T>
KERNELET_INLINE void divide_lanes(CellLanes<T>& lanes_of_cells, const T* roots) {
    constexpr int radix = 4;
    KERNELET_UNROLL
    for (int column = 0; column < radix; ++column) {
        Complex<T> x[radix];
        KERNELET_UNROLL
        for (int k = 0; k < radix; ++k) {
            x[k] = lanes_of_cells.get(column + k * radix);
            if (!back && k > 0) {
                x[k] = multiply<false>(load_complex(roots + (k - 1) * fourier_cell_elements), x[k]);
            }
        }
        Butterfly<radix, back>::apply(x);
        KERNELET_UNROLL
        for (int k = 0; k < radix; ++k) {
            if (back && k > 0) {
                x[k] = multiply<true>(load_complex(roots + (k - 1) * fourier_cell_elements), x[k]);
            }
            lanes_of_cells.set(column + k * radix, x[k]);
        }
    }
}

// The last division by 4, from which values come. What `middle` makes of them becomes coefficients
// again, where it says so.
template <class T, class Middle>
KERNELET_INLINE void evaluate_lanes(CellLanes<T>& lanes_of_cells, const T* roots, Middle middle) {
    constexpr int radix = 4;
    KERNELET_UNROLL
    for (int block = 0; block < radix; ++block) {
        Complex<T> c[radix];
        Complex<T> x[radix];
        KERNELET_UNROLL
        for (int k = 0; k < radix; ++k) {
            x[k] = lanes_of_cells.get(radix * block + k);
            if (k > 0) {
                c[k] = load_complex(roots + (k - 1) * fourier_cell_elements);
                if (block > 0) c[k] = multiply<false>(sixteenth_root<T>(block * k), c[k]);
                x[k] = multiply<false>(c[k], x[k]);
            }
        }
        Butterfly<radix, false>::apply(x);
        if (middle(x, radix * block)) {
            Butterfly<radix, true>::apply(x);
            KERNELET_UNROLL
            for (int k = 1; k < radix; ++k) x[k] = multiply<true>(c[k], x[k]);
        }
        KERNELET_UNROLL
        for (int k = 0; k < radix; ++k) lanes_of_cells.set(radix * block + k, x[k]);
    }
}

// Cells hold a run of numbers as their real or imaginary parts.
template <class T>
void fourier_scatter(const T* numbers, T* cells, std::int64_t count) {
    for (std::int64_t cell = 0; cell < count; ++cell) {
        KERNELET_UNROLL
        for (std::int64_t lane = 0; lane < fourier_cell; lane += VectorOf<T>::width) {
            VectorOf<T>::load(numbers + cell * fourier_cell + lane)
                .store(cells + cell * fourier_cell_elements + lane);
        }
    }
}
template <class T>
void fourier_gather(const T* cells, T* numbers, std::int64_t count) {
    for (std::int64_t cell = 0; cell < count; ++cell) {
        KERNELET_UNROLL
        for (std::int64_t lane = 0; lane < fourier_cell; lane += VectorOf<T>::width) {
            VectorOf<T>::load(cells + cell * fourier_cell_elements + lane)
                .store(numbers + cell * fourier_cell + lane);
        }
    }
}

inline constexpr std::int64_t fourier_group_elements = fourier_cell * fourier_cell_elements;
inline constexpr std::int64_t fourier_root_elements = 6 * fourier_cell_elements;
// Constants of the first of the two divisions by 4 follow those of the second.
inline constexpr std::int64_t fourier_first_division = 3 * fourier_cell_elements;

template <class T>
void fourier_evaluate(T* cells, const T* roots, const FourierGroups& groups, T scale) {
    std::int64_t set = groups.first;
    for (std::int64_t group = 0; group < groups.count; ++group) {
        T values[fourier_group_elements];
        T* const target = cells + group * fourier_group_elements;
        const T* const root = roots + set * fourier_root_elements;
        for (std::int64_t lane = 0; lane < fourier_cell; lane += VectorOf<T>::width) {
            CellLanes<T> x;
            const T* const source = target + lane * fourier_cell_elements;
            load_transposed(source, x.re);
            load_transposed(source + fourier_cell, x.im);
            divide_lanes<false>(x, root + lane + fourier_first_division);
            evaluate_lanes(x, root + lane, [&](Complex<T>* value, int) {
                const auto factor = VectorOf<T>::broadcast(scale);
                for (int k = 0; k < 4; ++k) value[k] = {factor * value[k].re, factor * value[k].im};
                return false;
            });
            for (int k = 0; k < fourier_cell; ++k) {
                store_complex(x.get(k), values + k * fourier_cell_elements + lane);
            }
        }
        __builtin_memcpy(target, values, sizeof values);
        set = set + 1 == groups.period ? 0 : set + 1;
    }
}

template <class T>
void fourier_multiply(T* cells, const T* factors, const T* roots, const FourierGroups& groups) {
    std::int64_t set = groups.first;
    for (std::int64_t group = 0; group < groups.count; ++group) {
        const T* const factor = factors + group * fourier_group_elements;
        const T* const root = roots + set * fourier_root_elements;
        for (std::int64_t lane = 0; lane < fourier_cell; lane += VectorOf<T>::width) {
            CellLanes<T> x;
            T* const target = cells + group * fourier_group_elements + lane * fourier_cell_elements;
            load_transposed(target, x.re);
            load_transposed(target + fourier_cell, x.im);
            divide_lanes<false>(x, root + lane + fourier_first_division);
            evaluate_lanes(x, root + lane, [&](Complex<T>* value, int first) {
                KERNELET_UNROLL
                for (int k = 0; k < 4; ++k) {
                    const T* const p = factor + (first + k) * fourier_cell_elements + lane;
                    value[k] = multiply<false>(load_complex(p), value[k]);
                }
                return true;
            });
            divide_lanes<true>(x, root + lane + fourier_first_division);
            store_transposed(x.re, target);
            store_transposed(x.im, target + fourier_cell);
        }
        set = set + 1 == groups.period ? 0 : set + 1;
    }
}

template <class T>
inline constexpr FourierKernels<T> fourier_kernels = {
    {nullptr, nullptr, &fourier_division<2, false, T>, &fourier_division<3, false, T>,
     &fourier_division<4, false, T>, &fourier_division<5, false, T>, nullptr, nullptr,
     &fourier_division<8, false, T>},
    {nullptr, nullptr, &fourier_division<2, true, T>, &fourier_division<3, true, T>,
     &fourier_division<4, true, T>, &fourier_division<5, true, T>, nullptr, nullptr,
     &fourier_division<8, true, T>},
    &fourier_evaluate<T>,
    &fourier_multiply<T>,
    &fourier_scatter<T>,
    &fourier_gather<T>,
};

}  // namespace kernelet::KERNELET_ISA
