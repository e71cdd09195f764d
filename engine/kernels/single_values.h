// The borders of the engine for single samples, and dense layers: a cell's channels lie side by
// side, padded to groups of `lanes`.
#pragma once

#include <cstddef>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/augmentation.h"
#include "kernels/pointwise.h"
#include "kernels/single_tile.h"
#include "simd/math.h"

namespace kernelet::KERNELET_ISA {

// --- Arrays of the caller ----------------------------------------------------------------------

KERNELET_INLINE Vector as_floats(const float* p) { return Vector::load(p); }
KERNELET_INLINE Vector as_floats(const std::uint8_t* p) { return Vector::load_u8(p); }
KERNELET_INLINE Vector as_floats(const std::int32_t* p) {
    return convert_to_float(IntVector::load(p));
}

// The first few; nothing behind them may be read: it may be the end of the caller's memory.
KERNELET_INLINE Vector as_some_floats(const float* p, int count) {
    return Vector::load_partial(p, count);
}
template <class T>
KERNELET_INLINE Vector as_some_floats(const T* p, int count) {
    T numbers[Vector::width] = {};
    for (int n = 0; n < count; ++n) numbers[n] = p[n];
    return as_floats(numbers);
}

// `count` neighbouring numbers of T, each with its scale and offset.
template <class T>
inline void load_numbers(const T* source, std::int64_t count, const float* scale,
                         const float* offset, float* target) {
    std::int64_t k = 0;
    for (; k + Vector::width <= count; k += Vector::width) {
        fma(as_floats(source + k), Vector::load(scale + k), Vector::load(offset + k))
            .store(target + k);
    }
    if (k == count) return;
    const int rest = static_cast<int>(count - k);
    fma(as_some_floats(source + k, rest), Vector::load_partial(scale + k, rest),
        Vector::load_partial(offset + k, rest))
        .store_partial(target + k, rest);
}

// Cells without padding are one long row, along which scales and offsets repeat. Of cells that are
// taken together there are whole vectors.
inline constexpr std::int64_t most_repeated = 1024;
inline constexpr std::int64_t cells_together = 4 * lanes;

template <class T>
inline void load_cells(const T* source, std::int64_t cells, const PackSingleArguments& a,
                       const float* scale, const float* offset, float* target) {
    if (a.cell_floats != a.channels || a.channels * cells_together > most_repeated) {
        for (std::int64_t cell = 0; cell < cells; ++cell) {
            load_numbers(source, a.channels, scale, offset, target);
            source += a.channels;
            target += a.cell_floats;
        }
        return;
    }
    float scales[most_repeated];
    float offsets[most_repeated];
    for (std::int64_t cell = 0; cell < smaller(cells_together, cells); ++cell) {
        for (std::int64_t c = 0; c < a.channels; ++c) {
            scales[cell * a.channels + c] = scale[c];
            offsets[cell * a.channels + c] = offset[c];
        }
    }
    for (std::int64_t cell = 0; cell < cells; cell += cells_together) {
        const std::int64_t numbers = smaller(cells_together, cells - cell) * a.channels;
        load_numbers(source + cell * a.channels, numbers, scales, offsets,
                     target + cell * a.channels);
    }
}

// Calls `function` with the numbers of an array, of whatever type.
template <class Function>
inline void with_elements(const InputArray& input, const Function& function) {
    switch (input.type) {
        case ElementType::float32:
            return function(static_cast<const float*>(input.data));
        case ElementType::uint8:
            return function(static_cast<const std::uint8_t*>(input.data));
        case ElementType::int32:
            return function(static_cast<const std::int32_t*>(input.data));
    }
}

// Operands: value; scale and offset of each channel. Pieces are cells.
inline void pack_single(const Call& call) {
    const auto& a = arguments<PackSingleArguments>(call);
    const InputArray& input = call.step->inputs[a.input];
    const std::int64_t first =
        call.step->samples[call.block] * input.row_elements + call.begin * a.channels;
    const auto load = [&]<class T>(const T* data) {
        load_cells(data + first, call.end - call.begin, a, call.operands[1], call.operands[2],
                   call.operands[0] + call.begin * a.cell_floats);
    };
    with_elements(input, load);
}

// Row `i` of an augmented picture.
template <class T>
inline void load_augmented_row(const T* picture, std::int64_t i, const AxisMap& rows,
                               const AxisMap& columns, const PackAugmentedSingleArguments& a,
                               float* const* operands) {
    const bool filled = static_cast<ShiftFill>(a.shift_fill) == ShiftFill::constant;
    const bool inside = !filled || rows.inside(rows.position(i));
    const T* row = picture + rows.source(i) * a.width * a.channels;
    float* target = operands[0] + i * a.width * a.cell_floats;
    for (std::int64_t j = 0; j < a.width; ++j, target += a.cell_floats) {
        if (inside && (!filled || columns.inside(columns.position(j)))) {
            load_numbers(row + columns.source(j) * a.channels, a.channels, operands[1], operands[2],
                         target);
        } else {
            for (std::int64_t c = 0; c < a.channels; ++c) target[c] = operands[3][c];
        }
    }
}

// Operands: value; scale, offset and fill of each channel. Pieces are rows.
inline void pack_augmented_single(const Call& call) {
    const auto& a = arguments<PackAugmentedSingleArguments>(call);
    const InputArray& input = call.step->inputs[a.input];
    const std::int64_t sample = call.step->samples[call.block];
    SampleRows samples;
    for (std::int64_t& row : samples.row) row = sample;
    PictureMaps maps;
    draw_pictures(a, *call.step, samples, maps);
    const auto load = [&]<class T>(const T* data) {
        for (std::int64_t i = call.begin; i < call.end; ++i) {
            load_augmented_row(data + sample * input.row_elements, i, maps.rows[0], maps.columns[0],
                               a, call.operands);
        }
    };
    with_elements(input, load);
}

// Operand: value. Pieces are cells.
inline void unpack_single(const Call& call) {
    const auto& a = arguments<UnpackSingleArguments>(call);
    const OutputArray& output = call.step->outputs[a.output];
    float* target = output.data + (call.step->position + call.block) * output.row_elements +
                    call.begin * a.channels;
    const float* source = call.operands[0] + call.begin * a.cell_floats;
    if (a.channels == a.cell_floats) {
        const std::int64_t floats = (call.end - call.begin) * a.channels;
        __builtin_memcpy(target, source, static_cast<std::size_t>(floats) * sizeof(float));
        return;
    }
    for (std::int64_t cell = call.begin; cell < call.end; ++cell) {
        __builtin_memcpy(target, source, static_cast<std::size_t>(a.channels) * sizeof(float));
        target += a.channels;
        source += a.cell_floats;
    }
}

}  // namespace kernelet::KERNELET_ISA
