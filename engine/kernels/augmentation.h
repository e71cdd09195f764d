// Random flips and shifts as a map from the cells of a packed picture to those of its source.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/philox.h"
#include "kernels/tile.h"

namespace kernelet::KERNELET_ISA {

// What one axis of one sample shows: cell j comes from source cell `step` · j + `origin`, step 1
// or −1; what lies outside is filled.
struct AxisMap {
    std::int64_t step;
    std::int64_t origin;
    std::int64_t length;
    ShiftFill fill;

    bool inside(std::int64_t position) const { return position >= 0 && position < length; }
    std::int64_t position(std::int64_t cell) const { return step * cell + origin; }

    // The source of a cell, always inside: a constant is written over it afterwards.
    std::int64_t source(std::int64_t cell) const {
        const std::int64_t p = position(cell);
        if (inside(p)) {
            return p;
        }
        if (fill != ShiftFill::reflect) {
            return p < 0 ? 0 : length - 1;
        }
        // Reflected with its edge, the picture repeats after twice its length.
        const std::int64_t rest = p % (2 * length);
        const std::int64_t phase = rest < 0 ? rest + 2 * length : rest;
        return smaller(phase, 2 * length - 1 - phase);
    }

    // Cells [first_inside(), end_inside()) come from inside the source.
    std::int64_t first_inside() const { return clamp(step > 0 ? -origin : origin - length + 1); }
    std::int64_t end_inside() const { return clamp(step > 0 ? length - origin : origin + 1); }

  private:
    std::int64_t clamp(std::int64_t cell) const { return smaller(larger(cell, 0), length); }
};

// Rows and columns of every sample of a block.
struct PictureMaps {
    AxisMap rows[lanes];
    AxisMap columns[lanes];
};

// ⌊u · (2 · reach + 1)⌋ − reach with u the upper 24 bits of a word as a fraction.
inline std::int64_t draw_shift(std::uint32_t word, std::int64_t reach) {
    return (static_cast<std::int64_t>(word >> 8U) * (2 * reach + 1) >> 24U) - reach;
}

template <class Arguments>
inline AxisMap draw_axis(const Arguments& a, std::int64_t length, bool flipped,
                         std::int64_t shift) {
    const auto fill = static_cast<ShiftFill>(a.shift_fill);
    if (!flipped) {
        return {1, -shift, length, fill};
    }
    // A flip after the shift turns the shift round.
    return {-1, length - 1 + (a.shift_first ? -shift : shift), length, fill};
}

template <class Arguments>
inline void draw_pictures(const Arguments& a, const Step& step, const SampleRows& samples,
                          PictureMaps& maps) {
    const RandomWords flip = random_words(step, samples, a.flip_stream, 0);
    const RandomWords shift = random_words(step, samples, a.shift_stream, 0);
    constexpr std::uint32_t half = 0x80000000U;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        maps.rows[lane] = draw_axis(a, a.height, a.flip_vertical && flip.word[0][lane] < half,
                                    draw_shift(shift.word[0][lane], a.shift_rows));
        maps.columns[lane] = draw_axis(a, a.width, a.flip_horizontal && flip.word[1][lane] < half,
                                       draw_shift(shift.word[1][lane], a.shift_columns));
    }
}

inline bool augments(const PackSamplesArguments& a) {
    return a.flip_vertical || a.flip_horizontal || a.shift_rows > 0 || a.shift_columns > 0;
}

}  // namespace kernelet::KERNELET_ISA
