// Defines KERNELET_OPERATIONS, the table of the instruction set KERNELET_ISA. Included by the
// simd_<level>.cpp files after that level's header; uses nothing of the standard library.
#include "simd/channels.h"
#include "simd/math.h"
#include "simd_operations.h"

namespace kernelet::KERNELET_ISA {

template <Vector (*operation)(Vector)>
void unary(const float* a, float* out) {
    operation(Vector::load(a)).store(out);
}
template <Vector (*operation)(Vector, Vector)>
void binary(const float* a, const float* b, float* out) {
    operation(Vector::load(a), Vector::load(b)).store(out);
}
template <Vector (*operation)(Vector, Vector, Vector)>
void ternary(const float* a, const float* b, const float* c, float* out) {
    operation(Vector::load(a), Vector::load(b), Vector::load(c)).store(out);
}
template <IntVector (*operation)(IntVector)>
void int_unary(const std::int32_t* a, std::int32_t* out) {
    operation(IntVector::load(a)).store(out);
}
template <IntVector (*operation)(IntVector, IntVector)>
void int_binary(const std::int32_t* a, const std::int32_t* b, std::int32_t* out) {
    operation(IntVector::load(a), IntVector::load(b)).store(out);
}

template <int C, void (*change)(const Vector*, Vector*)>
void by_channels(const float* a, float* out) {
    Vector before[C];
    Vector after[C];
    for (int k = 0; k < C; ++k) before[k] = Vector::load(a + k * Vector::width);
    change(before, after);
    for (int k = 0; k < C; ++k) after[k].store(out + k * Vector::width);
}
template <int C>
void split(const float* a, float* out) {
    by_channels<C, split_channels<C, Vector>>(a, out);
}
template <int C>
void join(const float* a, float* out) {
    by_channels<C, join_channels<C, Vector>>(a, out);
}

inline Vector lanes_of(Mask mask) { return select(mask, Vector::broadcast(1.0F), Vector::zero()); }
template <Mask (*comparison)(Vector, Vector)>
void compare(const float* a, const float* b, float* out) {
    lanes_of(comparison(Vector::load(a), Vector::load(b))).store(out);
}

inline Mask both_nan(Vector a, Vector b) { return mask_and(is_nan(a), is_nan(b)); }
inline Mask either_nan(Vector a, Vector b) { return mask_or(is_nan(a), is_nan(b)); }
inline Vector nan_lanes(Vector a) { return lanes_of(is_nan(a)); }
inline Vector number_lanes(Vector a) { return lanes_of(mask_not(is_nan(a))); }
inline Vector select_less(Vector a, Vector b, Vector c) { return select(less(a, b), c, a); }
inline Vector itself(Vector a) { return a; }
inline Vector negated(Vector a) { return -a; }
inline Vector difference(Vector a, Vector b) { return a - b; }
inline IntVector int_difference(IntVector a, IntVector b) { return a - b; }

}  // namespace kernelet::KERNELET_ISA

#define KERNELET_CONCATENATE(a, b) a##b
#define KERNELET_NAME(prefix, isa) KERNELET_CONCATENATE(prefix, isa)
#define KERNELET_STRING(text) #text
#define KERNELET_QUOTE(isa) KERNELET_STRING(isa)

namespace isa = kernelet::KERNELET_ISA;

// constinit: code that ran before main would run on processors without the instruction set.
constinit const SimdOperations KERNELET_NAME(simd_, KERNELET_ISA) = {
    .name = KERNELET_QUOTE(KERNELET_ISA),
    .width = isa::Vector::width,
    .fused = isa::Vector::width > 1,

    .copy = isa::unary<isa::itself>,
    .broadcast_from = [](const float* a, float* out) { isa::Vector::broadcast_from(a).store(out); },
    .negate = isa::unary<isa::negated>,
    .absolute = isa::unary<isa::abs>,
    .square_root = isa::unary<isa::sqrt>,
    .round = isa::unary<isa::round_to_nearest>,
    .exp = isa::unary<isa::exp>,
    .log = isa::unary<isa::log>,
    .tanh = isa::unary<isa::tanh>,
    .sigmoid = isa::unary<isa::sigmoid>,
    .erf = isa::unary<isa::erf>,
    .add = isa::binary<isa::operator+ >,
    .subtract = isa::binary<isa::difference>,
    .multiply = isa::binary<isa::operator*>,
    .divide = isa::binary<isa::operator/ >,
    .min = isa::binary<isa::min>,
    .max = isa::binary<isa::max>,
    .copy_sign = isa::binary<isa::copy_sign>,
    .fma = isa::ternary<isa::fma>,
    .fnma = isa::ternary<isa::fnma>,

    .less = isa::compare<isa::less>,
    .less_equal = isa::compare<isa::less_equal>,
    .greater = isa::compare<isa::greater>,
    .equal = isa::compare<isa::equal>,
    .both_nan = isa::compare<isa::both_nan>,
    .either_nan = isa::compare<isa::either_nan>,
    .is_nan = isa::unary<isa::nan_lanes>,
    .is_number = isa::unary<isa::number_lanes>,
    .select_less = isa::ternary<isa::select_less>,
    .any_less =
        [](const float* a, const float* b) {
            return isa::any(isa::less(isa::Vector::load(a), isa::Vector::load(b)));
        },
    .all_less =
        [](const float* a, const float* b) {
            return isa::all(isa::less(isa::Vector::load(a), isa::Vector::load(b)));
        },

    .permute =
        [](const float* a, const std::int32_t* places, float* out) {
            isa::permute(isa::Vector::load(a), isa::IntVector::load(places)).store(out);
        },
    .split_channels = {isa::split<1>, isa::split<2>, isa::split<3>, isa::split<4>, isa::split<5>,
                       isa::split<6>, isa::split<7>, isa::split<8>},
    .join_channels = {isa::join<1>, isa::join<2>, isa::join<3>, isa::join<4>, isa::join<5>,
                      isa::join<6>, isa::join<7>, isa::join<8>},
    .reduce_add = [](const float* a) { return isa::reduce_add(isa::Vector::load(a)); },
    .reduce_max = [](const float* a) { return isa::reduce_max(isa::Vector::load(a)); },
    .zero = [](float* out) { isa::Vector::zero().store(out); },
    .broadcast = [](float x, float* out) { isa::Vector::broadcast(x).store(out); },

    .first_lanes = [](int n, float* out) { isa::lanes_of(isa::first_lanes(n)).store(out); },
    .mask_bits = [](std::uint32_t bits) { return isa::mask_bits(isa::mask_of_bits(bits)); },
    .load_partial = [](const float* p, int n,
                       float* out) { isa::Vector::load_partial(p, n).store(out); },
    .store_partial = [](const float* a, float* p,
                        int n) { isa::Vector::load(a).store_partial(p, n); },
    .load_u8 = [](const std::uint8_t* p, float* out) { isa::Vector::load_u8(p).store(out); },
    .load_u8_partial = [](const std::uint8_t* p, int n,
                          float* out) { isa::Vector::load_u8_partial(p, n).store(out); },
    .store_u8 = [](const float* a, std::uint8_t* p) { isa::Vector::load(a).store_u8(p); },

    .int_add = isa::int_binary<isa::operator+ >,
    .int_subtract = isa::int_binary<isa::int_difference>,
    .int_and = isa::int_binary<isa::operator&>,
    .int_or = isa::int_binary<isa::operator| >,
    .int_xor = isa::int_binary<isa::operator^ >,
    .shift_left_5 = isa::int_unary<isa::shift_left<5>>,
    .shift_right_arithmetic_5 = isa::int_unary<isa::shift_right_arithmetic<5>>,
    .shift_right_logical_5 = isa::int_unary<isa::shift_right_logical<5>>,
    .int_broadcast = [](std::int32_t x,
                        std::int32_t* out) { isa::IntVector::broadcast(x).store(out); },
    .bits_of = [](const float* a,
                  std::int32_t* out) { isa::bits_of(isa::Vector::load(a)).store(out); },
    .from_bits = [](const std::int32_t* a,
                    float* out) { isa::from_bits(isa::IntVector::load(a)).store(out); },
    .convert_to_int =
        [](const float* a, std::int32_t* out) {
            isa::convert_to_int(isa::Vector::load(a)).store(out);
        },
    .convert_to_float =
        [](const std::int32_t* a, float* out) {
            isa::convert_to_float(isa::IntVector::load(a)).store(out);
        },
};
