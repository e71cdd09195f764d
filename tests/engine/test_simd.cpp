// Checks the vector vocabulary of every instruction set this machine has: each operation bit for
// bit against plain C++, partial loads and stores against protected memory, and the elementary
// functions against float64 within their stated errors.
#include <algorithm>
#include <functional>
#include <iterator>
#include <numeric>
#include <vector>

#include "guarded_page.h"
#include "kernelet/cpu.h"
#include "simd_math_checks.h"
#include "simd_samples.h"

namespace {

// ---- Operations lane by lane ---------------------------------------------------------------

void check_unary(const SimdOperations& simd, const char* name, SimdOperations::Unary operation,
                 const std::function<float(float)>& expected) {
    const std::vector<float> samples = float_samples();
    for (std::size_t start = 0; start < samples.size(); ++start) {
        const Lanes a = lanes_from(samples, start);
        Lanes out{};
        operation(a.data(), out.data());
        for (std::size_t i = 0; i < static_cast<std::size_t>(simd.width); ++i) {
            const float wanted = expected(a[i]);
            if (!same(wanted, out[i])) {
                fail(simd, name, a[i], wanted, out[i]);
            }
        }
    }
}

void check_binary(const SimdOperations& simd, const char* name, SimdOperations::Binary operation,
                  const std::function<float(float, float)>& expected) {
    const std::vector<float> samples = float_samples();
    for (std::size_t start = 0; start < samples.size(); ++start) {
        const Lanes a = lanes_from(samples, start);
        for (std::size_t other = 0; other < samples.size(); ++other) {
            const Lanes b = lanes_from(samples, other);
            Lanes out{};
            operation(a.data(), b.data(), out.data());
            for (std::size_t i = 0; i < static_cast<std::size_t>(simd.width); ++i) {
                const float wanted = expected(a[i], b[i]);
                if (!same(wanted, out[i])) {
                    fail(simd, name, a[i], wanted, out[i]);
                }
            }
        }
    }
}

void check_ternary(const SimdOperations& simd, const char* name, SimdOperations::Ternary operation,
                   const std::function<float(float, float, float)>& expected) {
    const std::vector<float> samples = float_samples();
    for (std::size_t start = 0; start < samples.size(); ++start) {
        const Lanes a = lanes_from(samples, start);
        for (std::size_t step = 1; step < samples.size(); ++step) {
            const Lanes b = lanes_from(samples, start + step);
            const Lanes c = lanes_from(samples, start + 3 * step);
            Lanes out{};
            operation(a.data(), b.data(), c.data(), out.data());
            for (std::size_t i = 0; i < static_cast<std::size_t>(simd.width); ++i) {
                const float wanted = expected(a[i], b[i], c[i]);
                if (!same(wanted, out[i])) {
                    fail(simd, name, a[i], wanted, out[i]);
                }
            }
        }
    }
}

void check_arithmetic(const SimdOperations& simd) {
    check_unary(simd, "copy", simd.copy, [](float a) { return a; });
    check_unary(simd, "negate", simd.negate, [](float a) { return -a; });
    check_unary(simd, "abs", simd.absolute, [](float a) { return std::fabs(a); });
    check_unary(simd, "sqrt", simd.square_root, [](float a) { return std::sqrt(a); });
    check_unary(simd, "round_to_nearest", simd.round, [](float a) { return std::nearbyint(a); });
    check_binary(simd, "add", simd.add, [](float a, float b) { return a + b; });
    check_binary(simd, "subtract", simd.subtract, [](float a, float b) { return a - b; });
    check_binary(simd, "multiply", simd.multiply, [](float a, float b) { return a * b; });
    check_binary(simd, "divide", simd.divide, [](float a, float b) { return a / b; });
    check_binary(simd, "min", simd.min, [](float a, float b) { return a < b ? a : b; });
    check_binary(simd, "max", simd.max, [](float a, float b) { return a > b ? a : b; });
    check_binary(simd, "copy_sign", simd.copy_sign,
                 [](float a, float b) { return std::copysign(a, b); });
    const bool fused = simd.fused;
    check_ternary(simd, "fma", simd.fma, [fused](float a, float b, float c) {
        return fused ? std::fma(a, b, c) : a * b + c;
    });
    check_ternary(simd, "fnma", simd.fnma, [fused](float a, float b, float c) {
        return fused ? std::fma(-a, b, c) : c - a * b;
    });
}

void check_masks(const SimdOperations& simd) {
    check_binary(simd, "less", simd.less, [](float a, float b) { return a < b ? 1.0F : 0.0F; });
    check_binary(simd, "less_equal", simd.less_equal,
                 [](float a, float b) { return a <= b ? 1.0F : 0.0F; });
    check_binary(simd, "greater", simd.greater,
                 [](float a, float b) { return a > b ? 1.0F : 0.0F; });
    check_binary(simd, "equal", simd.equal, [](float a, float b) { return a == b ? 1.0F : 0.0F; });
    check_unary(simd, "is_nan", simd.is_nan, [](float a) { return std::isnan(a) ? 1.0F : 0.0F; });
    check_unary(simd, "mask_not", simd.is_number,
                [](float a) { return std::isnan(a) ? 0.0F : 1.0F; });
    check_binary(simd, "mask_and", simd.both_nan,
                 [](float a, float b) { return std::isnan(a) && std::isnan(b) ? 1.0F : 0.0F; });
    check_binary(simd, "mask_or", simd.either_nan,
                 [](float a, float b) { return std::isnan(a) || std::isnan(b) ? 1.0F : 0.0F; });
    check_ternary(simd, "select", simd.select_less,
                  [](float a, float b, float c) { return a < b ? c : a; });
}

// Every lane from every place.
// Number c of cell i lies at i · channels + c among cells, at c · width + i by channels.
void check_channels(const SimdOperations& simd) {
    const auto width = static_cast<std::size_t>(simd.width);
    for (std::size_t channels = 1; channels <= std::size(simd.split_channels); ++channels) {
        std::vector<float> cells(channels * width);
        std::iota(cells.begin(), cells.end(), 1.0F);
        std::vector<float> split(cells.size());
        simd.split_channels[channels - 1](cells.data(), split.data());
        for (std::size_t n = 0; n < cells.size(); ++n) {
            const float found = split[n % channels * width + n / channels];
            if (found != cells[n]) fail(simd, "split_channels", cells[n], cells[n], found);
        }
        std::vector<float> joined(cells.size());
        simd.join_channels[channels - 1](split.data(), joined.data());
        for (std::size_t n = 0; n < cells.size(); ++n) {
            if (joined[n] != cells[n]) fail(simd, "join_channels", cells[n], cells[n], joined[n]);
        }
    }
}

void check_permute(const SimdOperations& simd) {
    const std::vector<float> samples = float_samples();
    for (std::size_t start = 0; start < samples.size(); ++start) {
        const Lanes a = lanes_from(samples, start);
        IntLanes places{};
        for (int lane = 0; lane < simd.width; ++lane) {
            places[static_cast<std::size_t>(lane)] =
                (static_cast<int>(start) + 5 * lane * lane) % simd.width;
        }
        Lanes out{};
        simd.permute(a.data(), places.data(), out.data());
        for (std::size_t i = 0; i < static_cast<std::size_t>(simd.width); ++i) {
            const float wanted = a[static_cast<std::size_t>(places[i])];
            if (!same(out[i], wanted)) fail(simd, "permute", a[i], wanted, out[i]);
        }
    }
}

// One lane differs from all others, in each position.
void check_any_all(const SimdOperations& simd) {
    const Lanes zeros{};
    Lanes ones{};
    ones.fill(1.0F);
    const auto check = [&](const char* name, bool actual, bool expected, int lane) {
        if (actual != expected) {
            fail(simd, name, lane, expected, actual);
        }
    };
    check("any of none", simd.any_less(zeros.data(), zeros.data()), false, 0);
    check("all", simd.all_less(zeros.data(), ones.data()), true, 0);
    for (int lane = 0; lane < simd.width; ++lane) {
        Lanes single = zeros;
        single[static_cast<std::size_t>(lane)] = 1.0F;
        Lanes others = ones;
        others[static_cast<std::size_t>(lane)] = 0.0F;
        check("any", simd.any_less(zeros.data(), single.data()), true, lane);
        check("all but one", simd.all_less(zeros.data(), others.data()), false, lane);
    }
}

void check_broadcast_and_reduce(const SimdOperations& simd) {
    const auto width = static_cast<std::size_t>(simd.width);
    const std::vector<float> samples = float_samples();
    for (std::size_t start = 0; start < samples.size(); ++start) {
        const Lanes a = lanes_from(samples, start);
        Lanes from_memory{};
        Lanes from_value{};
        Lanes zero = a;
        simd.broadcast_from(a.data(), from_memory.data());
        simd.broadcast(a[0], from_value.data());
        simd.zero(zero.data());
        for (std::size_t i = 0; i < width; ++i) {
            if (!same(from_memory[i], a[0]) || !same(from_value[i], a[0]) || !same(zero[i], 0.0F)) {
                fail(simd, "broadcast", a[0], a[0], from_memory[i]);
            }
        }
        Lanes sums = a;
        for (std::size_t half = width / 2; half > 0; half /= 2) {
            for (std::size_t i = 0; i < half; ++i) {
                sums[i] = sums[i] + sums[i + half];
            }
        }
        const float sum = simd.reduce_add(a.data());
        if (!same(sum, sums[0])) {
            fail(simd, "reduce_add", a[0], sums[0], sum);
        }
        if (std::none_of(a.begin(), a.end(), [](float x) { return std::isnan(x); })) {
            const float largest = *std::max_element(a.begin(), a.begin() + simd.width);
            const float actual = simd.reduce_max(a.data());
            if (largest != actual) {
                fail(simd, "reduce_max", a[0], largest, actual);
            }
        }
    }
}

// ---- Integers ------------------------------------------------------------------------------

void check_int_binary(const SimdOperations& simd, const char* name,
                      SimdOperations::IntBinary operation,
                      const std::function<std::uint32_t(std::uint32_t, std::uint32_t)>& expected) {
    const std::vector<std::int32_t> samples = int_samples();
    for (std::size_t start = 0; start < samples.size(); ++start) {
        const IntLanes a = lanes_from(samples, start);
        const IntLanes b = lanes_from(samples, 7 * start + 1);
        IntLanes out{};
        operation(a.data(), b.data(), out.data());
        for (std::size_t i = 0; i < static_cast<std::size_t>(simd.width); ++i) {
            const auto wanted = static_cast<std::int32_t>(
                expected(static_cast<std::uint32_t>(a[i]), static_cast<std::uint32_t>(b[i])));
            if (wanted != out[i]) {
                fail(simd, name, a[i], wanted, out[i]);
            }
        }
    }
}

void check_int_unary(const SimdOperations& simd, const char* name,
                     SimdOperations::IntUnary operation,
                     const std::function<std::int32_t(std::int32_t)>& expected) {
    const std::vector<std::int32_t> samples = int_samples();
    for (std::size_t start = 0; start < samples.size(); ++start) {
        const IntLanes a = lanes_from(samples, start);
        IntLanes out{};
        operation(a.data(), out.data());
        for (std::size_t i = 0; i < static_cast<std::size_t>(simd.width); ++i) {
            if (expected(a[i]) != out[i]) {
                fail(simd, name, a[i], expected(a[i]), out[i]);
            }
        }
    }
}

void check_integers(const SimdOperations& simd) {
    check_int_binary(simd, "int +", simd.int_add, std::plus<std::uint32_t>());
    check_int_binary(simd, "int -", simd.int_subtract, std::minus<std::uint32_t>());
    check_int_binary(simd, "int &", simd.int_and, std::bit_and<std::uint32_t>());
    check_int_binary(simd, "int |", simd.int_or, std::bit_or<std::uint32_t>());
    check_int_binary(simd, "int ^", simd.int_xor, std::bit_xor<std::uint32_t>());
    check_int_unary(simd, "shift_left", simd.shift_left_5, [](std::int32_t a) {
        return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) << 5);
    });
    check_int_unary(simd, "shift_right_arithmetic", simd.shift_right_arithmetic_5,
                    [](std::int32_t a) { return a >> 5; });
    check_int_unary(simd, "shift_right_logical", simd.shift_right_logical_5, [](std::int32_t a) {
        return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) >> 5);
    });
}

void check_conversions(const SimdOperations& simd) {
    const std::vector<std::int32_t> samples = int_samples();
    for (std::size_t start = 0; start < samples.size(); ++start) {
        const IntLanes a = lanes_from(samples, start);
        Lanes floats{};
        Lanes reinterpreted{};
        IntLanes bits{};
        IntLanes rounded{};
        IntLanes copies{};
        simd.convert_to_float(a.data(), floats.data());
        simd.from_bits(a.data(), reinterpreted.data());
        simd.bits_of(reinterpreted.data(), bits.data());
        simd.convert_to_int(reinterpreted.data(), rounded.data());
        simd.int_broadcast(a[0], copies.data());
        for (std::size_t i = 0; i < static_cast<std::size_t>(simd.width); ++i) {
            const float x = std::bit_cast<float>(a[i]);
            if (!same(floats[i], static_cast<float>(a[i]))) {
                fail(simd, "convert_to_float", a[i], a[i], floats[i]);
            }
            if (!same(reinterpreted[i], x) || bits[i] != a[i]) {
                fail(simd, "bits_of, from_bits", a[i], a[i], bits[i]);
            }
            if (std::fabs(x) < 0x1p31F && rounded[i] != std::lrint(x)) {
                fail(simd, "convert_to_int", x, static_cast<double>(std::lrint(x)), rounded[i]);
            }
            if (copies[i] != a[0]) {
                fail(simd, "int broadcast", a[0], a[0], copies[i]);
            }
        }
    }
}

// ---- Memory --------------------------------------------------------------------------------

void check_partial_floats(const SimdOperations& simd, const GuardedPage& page, int n) {
    float* const p = page.last<float>(n);
    for (int i = 0; i < n; ++i) {
        p[i] = static_cast<float>(i + 1);
    }
    Lanes loaded{};
    Lanes mask{};
    simd.load_partial(p, n, loaded.data());
    simd.first_lanes(n, mask.data());
    for (int i = 0; i < simd.width; ++i) {
        const auto lane = static_cast<std::size_t>(i);
        const float wanted = i < n ? static_cast<float>(i + 1) : 0.0F;
        if (!same(loaded[lane], wanted)) {
            fail(simd, "load_partial", n, wanted, loaded[lane]);
        }
        if (mask[lane] != (i < n ? 1.0F : 0.0F)) {
            fail(simd, "first_lanes", n, i < n, mask[lane]);
        }
    }
    Lanes source{};
    std::generate(source.begin(), source.end(), [x = 100.0F]() mutable { return x += 1.0F; });
    std::fill(p, p + n, -1.0F);
    simd.store_partial(source.data(), p, n);
    if (!std::equal(p, p + n, source.begin())) {
        fail(simd, "store_partial", n, source[0], n > 0 ? p[0] : 0.0F);
    }
}

void check_partial_store_keeps_the_rest(const SimdOperations& simd, int n) {
    Lanes source{};
    source.fill(2.0F);
    Lanes target{};
    target.fill(-1.0F);
    simd.store_partial(source.data(), target.data(), n);
    for (int i = 0; i < max_width; ++i) {
        const float wanted = i < n ? 2.0F : -1.0F;
        const float actual = target[static_cast<std::size_t>(i)];
        if (actual != wanted) {
            fail(simd, "store_partial", n, wanted, actual);
        }
    }
}

void check_bytes(const SimdOperations& simd, const GuardedPage& page, int n) {
    std::uint8_t* const p = page.last<std::uint8_t>(n);
    for (int first = 0; first < 256; ++first) {
        for (int i = 0; i < n; ++i) {
            p[i] = static_cast<std::uint8_t>(first + 37 * i);
        }
        Lanes part{};
        part.fill(-1.0F);
        simd.load_u8_partial(p, n, part.data());
        Lanes whole = part;
        if (n == simd.width) {
            simd.load_u8(p, whole.data());
        }
        for (int i = 0; i < simd.width; ++i) {
            const auto lane = static_cast<std::size_t>(i);
            const float wanted = i < n ? static_cast<float>(p[i]) : 0.0F;
            if (part[lane] != wanted || whole[lane] != wanted) {
                fail(simd, "load_u8", n, wanted, part[lane]);
            }
        }
    }
}

void check_stored_bytes(const SimdOperations& simd) {
    for (int first = 0; first + simd.width <= 256; ++first) {
        Lanes numbers{};
        for (int i = 0; i < simd.width; ++i) {
            numbers[static_cast<std::size_t>(i)] = static_cast<float>(first + i);
        }
        std::array<std::uint8_t, 17> bytes;
        bytes.fill(7);
        simd.store_u8(numbers.data(), bytes.data());
        for (int i = 0; i <= simd.width; ++i) {
            const auto lane = static_cast<std::size_t>(i);
            const float wanted = i < simd.width ? numbers[lane] : 7.0F;
            if (static_cast<float>(bytes[lane]) != wanted) {
                fail(simd, "store_u8", i, wanted, static_cast<float>(bytes[lane]));
            }
        }
    }
}

void check_mask_bits(const SimdOperations& simd) {
    for (std::uint32_t bits = 0; bits < 1U << simd.width; ++bits) {
        const std::uint32_t beyond = 1U << simd.width;
        if (simd.mask_bits(bits | beyond) != bits) {
            fail(simd, "mask_bits", static_cast<int>(bits), 0.0F, 0.0F);
        }
    }
}

void check_memory(const SimdOperations& simd) {
    check_mask_bits(simd);
    check_stored_bytes(simd);
    const GuardedPage page;
    for (int n = 0; n <= simd.width; ++n) {
        check_partial_floats(simd, page, n);
        check_partial_store_keeps_the_rest(simd, n);
        check_bytes(simd, page, n);
    }
}

// ---- The instruction sets of this machine --------------------------------------------------

std::vector<const SimdOperations*> supported_levels() {
    std::vector<const SimdOperations*> levels = {&simd_scalar};
#if defined(__x86_64__)
    using kernelet::Isa;
    if (kernelet::processor().supports(Isa::avx2)) levels.push_back(&simd_avx2);
    if (kernelet::processor().supports(Isa::avx512)) levels.push_back(&simd_avx512);
#elif defined(__aarch64__)
    levels.push_back(&simd_neon);
#endif
    return levels;
}

}  // namespace

int main() {
    for (const SimdOperations* simd : supported_levels()) {
        const int before = failures;
        check_arithmetic(*simd);
        check_masks(*simd);
        check_any_all(*simd);
        check_permute(*simd);
        check_channels(*simd);
        check_broadcast_and_reduce(*simd);
        check_integers(*simd);
        check_conversions(*simd);
        check_memory(*simd);
        check_math(*simd);
        std::printf("%s: %d failures\n", simd->name, failures - before);
    }
    return failures == 0 ? 0 : 1;
}
