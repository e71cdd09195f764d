// The borders of the engine: rows of the caller's arrays to blocks of samples and back.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/augmentation.h"
#include "kernels/philox.h"
#include "kernels/tile.h"
#include "simd/common.h"

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
                for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                    fma(Vector::load(tile.value[k] + lane), factor, term).store(out + lane);
                }
                channel = channel + 1 == a.channels ? 0 : channel + 1;
            }
        }
    }

    // Elements [begin, end) of row i of one picture, moved as its maps say.
    void move(std::int64_t lane, const PictureMaps& maps, std::int64_t i, std::int64_t begin,
              std::int64_t end, T* line) const {
        const AxisMap& columns = maps.columns[lane];
        const T* row = samples[lane] + maps.rows[lane].source(i) * a.width * a.channels;
        std::int64_t j = begin / a.channels;
        std::int64_t channel = begin % a.channels;
        for (std::int64_t k = begin; k < end;) {
            const std::int64_t position = columns.source(j);
            // Up to the edge of a picture that is not flipped, neighbours stay neighbours.
            const bool straight = columns.step > 0 && position == columns.position(j);
            const std::int64_t cells = straight ? a.width - position : 1;
            const std::int64_t run = smaller(cells * a.channels - channel, end - k);
            const T* source = row + position * a.channels + channel;
            for (std::int64_t n = 0; n < run; ++n) {
                line[k - begin + n] = source[n];
            }
            k += run;
            j += cells;
            channel = 0;
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

    void write_augmented(const PictureMaps& maps) const {
        constexpr std::int64_t together = 256;
        T lines[lanes][together];
        const T* rows[lanes];
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
            rows[lane] = lines[lane];
        }
        const std::int64_t row_size = a.width * a.channels;
        for (std::int64_t i = 0; i < a.height; ++i) {
            for (std::int64_t begin = 0; begin < row_size; begin += together) {
                const std::int64_t end = smaller(begin + together, row_size);
                for (std::int64_t lane = 0; lane < lanes; ++lane) {
                    move(lane, maps, i, begin, end, lines[lane]);
                }
                write(rows, i * row_size + begin, end - begin);
            }
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

// Operand: value.
inline void unpack_samples(const Call& call) {
    const auto& a = arguments<UnpackSamplesArguments>(call);
    const OutputArray& output = call.step->outputs[a.output];
    const std::int64_t first = call.step->position + call.block * lanes;
    for (std::int64_t lane = 0; lane < call.samples; ++lane) {
        float* row = output.data + (first + lane) * output.row_elements;
        for (std::int64_t k = 0; k < a.size; ++k) {
            row[k] = call.operands[0][k * lanes + lane];
        }
    }
}

}  // namespace kernelet::KERNELET_ISA
