// Vectors of any element type of the operator on arrays: float and double from the vocabulary,
// unsigned integers that wrap around.
#pragma once

#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// GCC's and Clang's own vectors: these element types need nothing but + and *, and lanes of every
// width are multiplied without intrinsics of their own.
template <class T>
struct UnsignedVector {
    static constexpr int width = Vector::width == 1 ? 1 : Vector::width * 4 / int{sizeof(T)};
    using Native [[gnu::vector_size(width * sizeof(T))]] = T;

    Native v;

    KERNELET_INLINE static UnsignedVector zero() { return {Native{}}; }
    KERNELET_INLINE static UnsignedVector broadcast_from(const T* p) { return {Native{} + *p}; }
    KERNELET_INLINE static UnsignedVector load(const T* p) {
        UnsignedVector result;
        __builtin_memcpy(&result.v, p, sizeof result.v);
        return result;
    }
    KERNELET_INLINE void store(T* p) const { __builtin_memcpy(p, &v, sizeof v); }
};

template <class T>
KERNELET_INLINE UnsignedVector<T> operator+(UnsignedVector<T> a, UnsignedVector<T> b) {
    return {a.v + b.v};
}
template <class T>
KERNELET_INLINE UnsignedVector<T> fma(UnsignedVector<T> a, UnsignedVector<T> b,
                                      UnsignedVector<T> c) {
    return {a.v * b.v + c.v};
}

template <class T>
struct VectorOfElement {
    using Type = UnsignedVector<T>;
};
template <>
struct VectorOfElement<float> {
    using Type = Vector;
};
template <>
struct VectorOfElement<double> {
    using Type = DoubleVector;
};

// The vector whose lanes are of type T.
template <class T>
using VectorOf = typename VectorOfElement<T>::Type;

}  // namespace kernelet::KERNELET_ISA
