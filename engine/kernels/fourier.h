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

// 16 cells: coefficient or value k of cell v moves from cell v, lane k, to cell k, lane v.
template <class T>
KERNELET_INLINE void fourier_transpose(const T* source, T* target) {
    using V = VectorOf<T>;
    for (std::int64_t part = 0; part < fourier_cell_elements; part += fourier_cell) {
        for (std::int64_t row = 0; row < fourier_cell; row += V::width) {
            for (std::int64_t lane = 0; lane < fourier_cell; lane += V::width) {
                V block[V::width];
                for (int i = 0; i < V::width; ++i) {
                    block[i] = V::load(source + (row + i) * fourier_cell_elements + part + lane);
                }
                transpose(block);
                for (int i = 0; i < V::width; ++i) {
                    block[i].store(target + (lane + i) * fourier_cell_elements + part + row);
                }
            }
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

// One division by 4 of the coefficients of 16 cells that lie in the lanes, from polynomials of
// length 16 to such of length 4, or back.
template <bool back, class T>
KERNELET_INLINE void divide_lanes(T* values, const T* roots) {
    constexpr int radix = 4;
    Complex<T> c[radix];
    for (int k = 1; k < radix; ++k) {
        c[k] = load_complex(roots + (k - 1) * fourier_cell_elements);
    }
    for (int column = 0; column < radix; ++column) {
        T* const p = values + column * fourier_cell_elements;
        Complex<T> x[radix];
        for (int k = 0; k < radix; ++k) {
            x[k] = load_complex(p + k * radix * fourier_cell_elements);
            if (!back && k > 0) {
                x[k] = multiply<false>(c[k], x[k]);
            }
        }
        Butterfly<radix, back>::apply(x);
        for (int k = 0; k < radix; ++k) {
            if (back && k > 0) {
                x[k] = multiply<true>(c[k], x[k]);
            }
            store_complex(x[k], p + k * radix * fourier_cell_elements);
        }
    }
}

// The last division by 4, from which values come; `middle` does with them what it likes before
// they become coefficients again.
template <class T, class Middle>
KERNELET_INLINE void evaluate_lanes(T* values, const T* roots, Middle middle) {
    constexpr int radix = 4;
    for (int block = 0; block < radix; ++block) {
        Complex<T> c[radix];
        for (int k = 1; k < radix; ++k) {
            c[k] = load_complex(roots + (k - 1) * fourier_cell_elements);
            if (block > 0) {
                c[k] = multiply<false>(sixteenth_root<T>(block * k), c[k]);
            }
        }
        Complex<T> x[radix];
        for (int k = 0; k < radix; ++k) {
            x[k] = load_complex(values + (radix * block + k) * fourier_cell_elements);
            if (k > 0) {
                x[k] = multiply<false>(c[k], x[k]);
            }
        }
        Butterfly<radix, false>::apply(x);
        if (middle(x, radix * block)) {
            Butterfly<radix, true>::apply(x);
            for (int k = 1; k < radix; ++k) {
                x[k] = multiply<true>(c[k], x[k]);
            }
        }
        for (int k = 0; k < radix; ++k) {
            store_complex(x[k], values + (radix * block + k) * fourier_cell_elements);
        }
    }
}

inline constexpr std::int64_t fourier_group_elements = fourier_cell * fourier_cell_elements;
inline constexpr std::int64_t fourier_root_elements = 6 * fourier_cell_elements;

template <class T>
void fourier_evaluate(T* cells, const T* roots, const FourierGroups& groups, T scale) {
    std::int64_t set = groups.first;
    for (std::int64_t group = 0; group < groups.count; ++group) {
        alignas(64) T values[fourier_group_elements];
        T* const target = cells + group * fourier_group_elements;
        const T* const root = roots + set * fourier_root_elements;
        fourier_transpose(target, values);
        for (std::int64_t lane = 0; lane < fourier_cell; lane += VectorOf<T>::width) {
            divide_lanes<false>(values + lane, root + lane + 3 * fourier_cell_elements);
            evaluate_lanes(values + lane, root + lane, [&](Complex<T>* x, int) {
                const auto factor = VectorOf<T>::broadcast(scale);
                for (int k = 0; k < 4; ++k) {
                    x[k] = {factor * x[k].re, factor * x[k].im};
                }
                return false;
            });
        }
        __builtin_memcpy(target, values, sizeof values);
        set = set + 1 == groups.period ? 0 : set + 1;
    }
}

template <class T>
void fourier_multiply(T* cells, const T* factors, const T* roots, const FourierGroups& groups) {
    std::int64_t set = groups.first;
    for (std::int64_t group = 0; group < groups.count; ++group) {
        alignas(64) T values[fourier_group_elements];
        T* const target = cells + group * fourier_group_elements;
        const T* const factor = factors + group * fourier_group_elements;
        const T* const root = roots + set * fourier_root_elements;
        fourier_transpose(target, values);
        for (std::int64_t lane = 0; lane < fourier_cell; lane += VectorOf<T>::width) {
            divide_lanes<false>(values + lane, root + lane + 3 * fourier_cell_elements);
            evaluate_lanes(values + lane, root + lane, [&](Complex<T>* x, int first) {
                for (int k = 0; k < 4; ++k) {
                    const T* const p = factor + (first + k) * fourier_cell_elements + lane;
                    x[k] = multiply<false>(load_complex(p), x[k]);
                }
                return true;
            });
            divide_lanes<true>(values + lane, root + lane + 3 * fourier_cell_elements);
        }
        fourier_transpose(values, target);
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
};

}  // namespace kernelet::KERNELET_ISA
