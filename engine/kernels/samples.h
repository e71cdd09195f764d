// The borders of the engine: rows of the caller's arrays to blocks of samples and back.
#pragma once

#include <cstddef>

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/augmentation.h"
#include "kernels/philox.h"
#include "kernels/tile.h"
#include "simd/common.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Elements that are transposed together, as many as there are lanes.
inline constexpr std::int64_t transposed_elements = 16;

using Bytes [[gnu::vector_size(16)]] = std::uint8_t;

// Interleaves the bytes of two rows; four rounds of it transpose 16 rows of 16 bytes.
KERNELET_INLINE void interleave(Bytes (&rows)[lanes]) {
    Bytes next[lanes];
    for (int k = 0; k < lanes / 2; ++k) {
        next[2 * k] = __builtin_shufflevector(rows[k], rows[k + lanes / 2], 0, 16, 1, 17, 2, 18, 3,
                                              19, 4, 20, 5, 21, 6, 22, 7, 23);
        next[2 * k + 1] = __builtin_shufflevector(rows[k], rows[k + lanes / 2], 8, 24, 9, 25, 10,
                                                  26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    for (int k = 0; k < lanes; ++k) {
        rows[k] = next[k];
    }
}

// Up to 16 elements of 16 rows as floats, [element][lane].
struct Tile {
    alignas(64) float value[transposed_elements][lanes];
};

inline void load_tile(const std::uint8_t* const (&rows)[lanes], std::int64_t begin,
                      std::int64_t count, Tile& tile) {
    Bytes bytes[lanes] = {};
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        if (count == transposed_elements) {
            __builtin_memcpy(&bytes[lane], rows[lane] + begin, sizeof(Bytes));
        } else {
            // Nothing behind a row may be read: it may be the end of the caller's memory.
            for (std::int64_t k = 0; k < count; ++k) {
                bytes[lane][k] = rows[lane][begin + k];
            }
        }
    }
    for (int round = 0; round < 4; ++round) {
        interleave(bytes);
    }
    for (std::int64_t k = 0; k < count; ++k) {
        const auto* element = reinterpret_cast<const std::uint8_t*>(&bytes[k]);
        for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
            Vector::load_u8(element + lane).store(tile.value[k] + lane);
        }
    }
}

template <class T>
inline void load_tile(const T* const (&rows)[lanes], std::int64_t begin, std::int64_t count,
                      Tile& tile) {
    for (std::int64_t k = 0; k < count; ++k) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
            tile.value[k][lane] = static_cast<float>(rows[lane][begin + k]);
        }
    }
}

// Elements of a row that are moved together.
inline constexpr std::int64_t line_elements = 256;

template <class T>
KERNELET_INLINE void copy_elements(const T* source, std::int64_t count, T* target) {
    __builtin_memcpy(target, source, static_cast<std::size_t>(count) * sizeof(T));
}

// Cells in reverse order, `source` being the last of them.
template <class T>
KERNELET_INLINE void mirror_cells(const T* source, std::int64_t cells, std::int64_t channels,
                                  T* target) {
    for (std::int64_t j = 0; j < cells; ++j) {
        for (std::int64_t c = 0; c < channels; ++c) {
            target[j * channels + c] = source[c - j * channels];
        }
    }
}

// Elements whose memory is asked for before it is written: a fifth less time for pictures of 3,072.
inline constexpr std::int64_t elements_ahead = 64;

// Packs the samples of one block whose elements have type T.
template <class T>
struct SamplePacker {
    const PackSamplesArguments& a;
    const T* samples[lanes];
    float* target;
    const float* scale;  // of each channel, as offset and fill
    const float* offset;
    const float* fill;

    // Writes `count` consecutive elements from `first` on; `rows` begin at the first.
    void write(const T* const (&rows)[lanes], std::int64_t first, std::int64_t count) const {
        std::int64_t channel = first % a.channels;
        float* out = target + first * lanes;
        for (std::int64_t begin = 0; begin < count; begin += transposed_elements) {
            const std::int64_t together = smaller(transposed_elements, count - begin);
            Tile tile;
            load_tile(rows, begin, together, tile);
            for (std::int64_t k = 0; k < together; ++k, out += lanes) {
                const Vector factor = Vector::broadcast_from(scale + channel);
                const Vector term = Vector::broadcast_from(offset + channel);
                __builtin_prefetch(out + elements_ahead * lanes, 0, 2);
                for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                    fma(Vector::load(tile.value[k] + lane), factor, term).store(out + lane);
                }
                channel = channel + 1 == a.channels ? 0 : channel + 1;
            }
        }
    }

    // The source of row i of one picture.
    const T* source_row(std::int64_t lane, const PictureMaps& maps, std::int64_t i) const {
        return samples[lane] + maps.rows[lane].source(i) * a.width * a.channels;
    }

    // Cells [begin, end) of a row, moved as a map says. What a constant will fill is left alone.
    void move(const T* row, const AxisMap& columns, std::int64_t begin, std::int64_t end,
              T* line) const {
        const std::int64_t first = larger(begin, smaller(columns.first_inside(), end));
        const std::int64_t last = larger(first, smaller(columns.end_inside(), end));
        if (columns.step > 0) {
            copy_elements(row + columns.position(first) * a.channels, (last - first) * a.channels,
                          line + (first - begin) * a.channels);
        } else {
            mirror(row + columns.position(first) * a.channels, last - first,
                   line + (first - begin) * a.channels);
        }
        if (columns.fill != ShiftFill::constant) {
            move_gap(row, columns, begin, first, line);
            move_gap(row, columns, last, end, line + (last - begin) * a.channels);
        }
    }

    void move_gap(const T* row, const AxisMap& columns, std::int64_t begin, std::int64_t end,
                  T* line) const {
        for (std::int64_t j = begin; j < end; ++j, line += a.channels) {
            copy_elements(row + columns.source(j) * a.channels, a.channels, line);
        }
    }

    // Grey and colour pictures with a number of channels that the compiler knows.
    void mirror(const T* source, std::int64_t cells, T* line) const {
        if (a.channels == 1) {
            mirror_cells(source, cells, 1, line);
        } else if (a.channels == 3) {
            mirror_cells(source, cells, 3, line);
        } else {
            mirror_cells(source, cells, a.channels, line);
        }
    }

    void fill_cells(std::int64_t lane, std::int64_t i, std::int64_t begin, std::int64_t end) const {
        for (std::int64_t j = begin; j < end; ++j) {
            float* cell = target + (i * a.width + j) * a.channels * lanes + lane;
            for (std::int64_t c = 0; c < a.channels; ++c) {
                cell[c * lanes] = fill[c];
            }
        }
    }

    // The constant that a shift leaves in the gaps of row i of one picture.
    void fill_gaps(std::int64_t lane, const PictureMaps& maps, std::int64_t i) const {
        const AxisMap& rows = maps.rows[lane];
        const AxisMap& columns = maps.columns[lane];
        if (rows.inside(rows.position(i))) {
            fill_cells(lane, i, 0, columns.first_inside());
            fill_cells(lane, i, columns.end_inside(), a.width);
        } else {
            fill_cells(lane, i, 0, a.width);
        }
    }

    // Row i of all pictures: many channels are a run of neighbours in the source already, few are
    // brought into lines first.
    void write_row(const PictureMaps& maps, std::int64_t i,
                   T (&lines)[lanes][line_elements]) const {
        const bool in_place = a.channels >= transposed_elements;
        const std::int64_t together = in_place ? 1 : line_elements / a.channels;
        const T* rows[lanes];
        for (std::int64_t begin = 0; begin < a.width; begin += together) {
            const std::int64_t end = smaller(begin + together, a.width);
            for (std::int64_t lane = 0; lane < lanes; ++lane) {
                const T* row = source_row(lane, maps, i);
                if (in_place) {
                    rows[lane] = row + maps.columns[lane].source(begin) * a.channels;
                } else {
                    move(row, maps.columns[lane], begin, end, lines[lane]);
                    rows[lane] = lines[lane];
                }
            }
            write(rows, (i * a.width + begin) * a.channels, (end - begin) * a.channels);
        }
    }

    void write_augmented(const PictureMaps& maps) const {
        T lines[lanes][line_elements] = {};
        for (std::int64_t i = 0; i < a.height; ++i) {
            write_row(maps, i, lines);
            if (static_cast<ShiftFill>(a.shift_fill) == ShiftFill::constant) {
                for (std::int64_t lane = 0; lane < lanes; ++lane) {
                    fill_gaps(lane, maps, i);
                }
            }
        }
    }
};

template <class T>
inline void pack_samples_of(const Call& call, const InputArray& input) {
    const auto& a = arguments<PackSamplesArguments>(call);
    const SampleRows samples = sample_rows(call);
    SamplePacker<T> packer{
        a, {}, call.operands[0], call.operands[1], call.operands[2], call.operands[3]};
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        packer.samples[lane] =
            static_cast<const T*>(input.data) + samples.row[lane] * input.row_elements;
    }
    if (augments(a)) {
        PictureMaps maps;
        draw_pictures(a, *call.step, samples, maps);
        packer.write_augmented(maps);
    } else {
        packer.write(packer.samples, 0, a.height * a.width * a.channels);
    }
}

// Operands: value; scale, offset and fill of each channel. Lanes past the last sample repeat the
// first of the block, so that they are finite wherever it is.
inline void pack_samples(const Call& call) {
    const auto& a = arguments<PackSamplesArguments>(call);
    const InputArray& input = call.step->inputs[a.input];
    switch (input.type) {
        case ElementType::float32:
            return pack_samples_of<float>(call, input);
        case ElementType::uint8:
            return pack_samples_of<std::uint8_t>(call, input);
        case ElementType::int32:
            return pack_samples_of<std::int32_t>(call, input);
    }
}

// Writes up to a vector's width of elements, from `k` on, of as many lanes to their rows.
KERNELET_INLINE void write_elements(const float* value, std::int64_t k, std::int64_t lane,
                                    std::int64_t count, const OutputArray& output,
                                    std::int64_t row) {
    Vector block[Vector::width];
    for (std::int64_t i = 0; i < Vector::width; ++i) {
        block[i] = Vector::load(value + (k + i) * lanes + lane);
    }
    transpose(block);
    for (std::int64_t i = 0; i < count; ++i) {
        block[i].store(output.data + (row + i) * output.row_elements + k);
    }
}

// Operand: value.
inline void unpack_samples(const Call& call) {
    const auto& a = arguments<UnpackSamplesArguments>(call);
    const OutputArray& output = call.step->outputs[a.output];
    const float* value = call.operands[0];
    const std::int64_t first = call.step->position + call.block * lanes;
    const std::int64_t whole = a.size - a.size % Vector::width;
    for (std::int64_t lane = 0; lane < call.samples; lane += Vector::width) {
        const std::int64_t count = smaller(Vector::width, call.samples - lane);
        for (std::int64_t k = 0; k < whole; k += Vector::width) {
            write_elements(value, k, lane, count, output, first + lane);
        }
        for (std::int64_t i = lane; i < lane + count; ++i) {
            for (std::int64_t k = whole; k < a.size; ++k) {
                output.data[(first + i) * output.row_elements + k] = value[k * lanes + i];
            }
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
