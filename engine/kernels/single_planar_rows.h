// Rows of single samples written anew, channel by channel between zeros, so that neighbouring cells
// of a channel are one vector. Where windows are several cells apart, cells with the same rest
// behind a division by that stride, a phase, lie next to each other.
#pragma once

#include <array>
#include <utility>

#include "kernelet/kernel.h"
#include "kernels/copying.h"
#include "kernels/tile.h"
#include "kernels/window.h"
#include "simd/channels.h"
#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// Sizes of the rows, as they are read and as they are written.
struct PlanarRowSizes {
    std::int64_t width;  // cells of a row of the picture
    std::int64_t cell_floats;
    std::int64_t channels;
    std::int64_t before;  // zeros before the first cell; negative where cells are left out
    std::int64_t stride;
    std::int64_t phase_floats;  // zeros, cells and zeros of one channel that are a stride apart

    std::int64_t channel_floats() const { return stride * phase_floats; }
    std::int64_t row_floats() const { return channels * channel_floats(); }
    // Where the cell lies, within its channel, that is `position` cells behind the first zero.
    std::int64_t place(std::int64_t position) const {
        return stride == 1 ? position : position % stride * phase_floats + position / stride;
    }
};

// Cells of C channels to runs of one channel each, `distance` floats apart.
template <int C>
inline void split_cells(const float* source, std::int64_t count, float* target,
                        std::int64_t distance) {
    for (std::int64_t cell = 0; cell < count; cell += Vector::width) {
        const std::int64_t left = smaller(Vector::width, count - cell);
        Vector cells[C];
        KERNELET_UNROLL
        for (int k = 0; k < C; ++k) {
            const std::int64_t floats = C * left - k * Vector::width;
            const float* from = source + C * cell + k * Vector::width;
            cells[k] = load_some(from, static_cast<int>(smaller(Vector::width, larger(0, floats))));
        }
        Vector channels[C];
        split_channels<C>(cells, channels);
        KERNELET_UNROLL
        for (int c = 0; c < C; ++c) {
            store_some(channels[c], target + c * distance + cell, static_cast<int>(left));
        }
    }
}

// Most channels whose cells are split so.
inline constexpr int most_split = 8;

using SplitCells = void (*)(const float*, std::int64_t, float*, std::int64_t);

template <int... C>
constexpr std::array<SplitCells, sizeof...(C)> splits(std::integer_sequence<int, C...>) {
    return {split_cells<C + 1>...};
}

// Writes one row; what lies between its cells stays.
class PlanarRow {
  public:
    PlanarRow(const PlanarRowSizes& sizes, const float* source, float* target)
        : sizes_(sizes), source_(source), target_(target) {}

    void copy() const {
        for (std::int64_t phase = 0; phase < sizes_.stride; ++phase) copy_phase(phase);
    }

  private:
    // The cells that lie `phase` behind a multiple of the stride, zeros counted.
    void copy_phase(std::int64_t phase) const {
        const std::int64_t stride = sizes_.stride;
        const std::int64_t skipped = larger(0, sizes_.before - phase + stride - 1) / stride;
        const std::int64_t first = phase + skipped * stride - sizes_.before;
        const std::int64_t count =
            smaller((sizes_.width - first + stride - 1) / stride, sizes_.phase_floats - skipped);
        if (count <= 0) return;
        const std::int64_t distance = stride * sizes_.cell_floats;
        copy_cells(source_ + first * sizes_.cell_floats, count, distance,
                   target_ + phase * sizes_.phase_floats + skipped);
    }

    void copy_cells(const float* source, std::int64_t count, std::int64_t distance,
                    float* target) const {
        if (distance == 1) {
            __builtin_memcpy(target, source, static_cast<std::size_t>(count) * sizeof(float));
            return;
        }
        if (distance == sizes_.channels && copy_tight(source, count, target)) return;
        switch (sizes_.channels) {
            case 1:
                return move_numbers<1>(source, count, distance, target);
            case 2:
                return move_numbers<2>(source, count, distance, target);
            case 3:
                return move_numbers<3>(source, count, distance, target);
            default:
                break;
        }
        for (std::int64_t cell = 0; cell < count; cell += Vector::width) {
            transpose_cells(source + cell * distance, smaller(Vector::width, count - cell),
                            distance, target + cell);
        }
    }

    // Cells without anything between them, of up to eight channels.
    bool copy_tight(const float* source, std::int64_t count, float* target) const {
        static constexpr auto split = splits(std::make_integer_sequence<int, most_split>());
        if (sizes_.channels > most_split) return false;
        split[static_cast<std::size_t>(sizes_.channels - 1)](source, count, target,
                                                             sizes_.channel_floats());
        return true;
    }

    // One by one, of each cell those of all C channels.
    template <int C>
    void move_numbers(const float* source, std::int64_t count, std::int64_t distance,
                      float* target) const {
        const std::int64_t floats = sizes_.channel_floats();
        for (std::int64_t cell = 0; cell < count; ++cell, source += distance, ++target) {
            KERNELET_UNROLL
            for (int c = 0; c < C; ++c) target[c * floats] = source[c];
        }
    }

    // A few cells to as many neighbours of each channel.
    void transpose_cells(const float* source, std::int64_t count, std::int64_t distance,
                         float* target) const {
        const auto cells = static_cast<int>(count);
        for (std::int64_t c = 0; c < sizes_.channels; c += Vector::width) {
            const auto channels = static_cast<int>(smaller(Vector::width, sizes_.channels - c));
            float* to = target + c * sizes_.channel_floats();
            if (cells == Vector::width && channels == Vector::width) {
                transpose_whole(source + c, distance, to);
            } else {
                transpose_some(source + c, cells, channels, distance, to);
            }
        }
    }

    void transpose_whole(const float* source, std::int64_t distance, float* target) const {
        Vector block[Vector::width];
        KERNELET_UNROLL
        for (int k = 0; k < Vector::width; ++k) block[k] = Vector::load(source + k * distance);
        transpose(block);
        KERNELET_UNROLL
        for (int k = 0; k < Vector::width; ++k)
            block[k].store(target + k * sizes_.channel_floats());
    }

    void transpose_some(const float* source, int cells, int channels, std::int64_t distance,
                        float* target) const {
        Vector block[Vector::width];
        for (int k = 0; k < Vector::width; ++k) {
            block[k] = k < cells ? load_some(source + k * distance, channels) : Vector::zero();
        }
        transpose(block);
        for (int k = 0; k < channels; ++k) {
            store_some(block[k], target + k * sizes_.channel_floats(), cells);
        }
    }

    const PlanarRowSizes& sizes_;
    const float* source_;
    float* target_;
};

// The planes of a picture that the taps of an output plane read.
struct ReadPlanes {
    const float* first;
    std::int64_t count;
    std::int64_t distance;  // in floats
};

// Rows of these planes, in as many places as the taps of some output rows span: each row takes the
// place of one that is no longer reached.
class PlanarRowRing {
  public:
    // `workspace` holds so many places of each of the most planes.
    PlanarRowRing(const PlanarRowSizes& sizes, std::int64_t planes, std::int64_t places,
                  float* workspace)
        : sizes_(sizes), places_(places), rows_(workspace) {
        clear_floats(planes * places * sizes.row_floats(), workspace);
    }

    // Begins with other planes or channels.
    void begin(const ReadPlanes& planes) {
        planes_ = planes;
        next_ = 0;
        next_place_ = 0;
    }

    // Writes the rows [begin, end) that are not there yet.
    void reach(std::int64_t begin, std::int64_t end) {
        for (next_ = larger(next_, begin); next_ < end; ++next_) {
            const float* source = planes_.first + next_ * sizes_.width * sizes_.cell_floats;
            for (std::int64_t plane = 0; plane < planes_.count; ++plane) {
                PlanarRow(sizes_, source + plane * planes_.distance,
                          rows_ + offset(plane, next_place_))
                    .copy();
            }
            next_place_ = next_place_ + 1 < places_ ? next_place_ + 1 : 0;
        }
    }

    // One of the rows that were written last.
    const float* row(std::int64_t plane, std::int64_t number) const {
        const std::int64_t place = next_place_ - (next_ - number);
        return rows_ + offset(plane, place < 0 ? place + places_ : place);
    }

  private:
    std::int64_t offset(std::int64_t plane, std::int64_t place) const {
        return (plane * places_ + place) * sizes_.row_floats();
    }

    const PlanarRowSizes& sizes_;
    std::int64_t places_;
    float* rows_;  // [plane][place][channel][phase][phase_floats]
    ReadPlanes planes_{};
    std::int64_t next_ = 0;  // the row that is written next
    std::int64_t next_place_ = 0;
};

}  // namespace kernelet::KERNELET_ISA
