// What becomes of the sums of a tile: bias and activation, signs or the gradient of an activation,
// and rounding, before they are first stored. Rows that are pooled, or go through any other
// activation, are stored as they are and finished one by one.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/output_rows.h"
#include "kernels/bfloat16/reduction.h"
#include "kernels/bfloat16/tile_workspace.h"
#include "kernels/tile.h"
#include "simd/pairs.h"

namespace kernelet::KERNELET_ISA {

// Fewer products do not hide how long it takes to fetch the memory that sums are written to. It is
// asked for as many elements ahead, where they are rounded: so the first and the third convolution
// of a small VGG took 1.19 and 0.74 instead of 1.49 and 0.84 ms.
inline constexpr std::int64_t few_chunks = 18;
inline constexpr std::int64_t fetched_elements = 256;

class TileOutput {
  public:
    static constexpr int rows = 1;

    // Of a call of `convolution_bfloat16`.
    explicit TileOutput(const Call& call)
        : a_(arguments<ConvolutionBfloat16Arguments>(call)),
          rows_(call),
          maps_(a_.filters / a_.cells),
          row_elements_(a_.output_cells * maps_),
          whole_(needs_whole_rows(a_)),
          fetches_(!whole_ && run_shape(a_).chunks() <= few_chunks),
          leaky_(static_cast<Activation>(a_.derivative) == Activation::leaky_relu),
          all_saved_(reinterpret_cast<const std::uint16_t*>(call.operands[4])),
          output_(call.operands[6]),
          all_signs_(reinterpret_cast<std::uint16_t*>(call.operands[7])),
          write_(writers[whole_ ? 0 : kind()]) {}

    // To be called for each row of output cells in order, counted through all planes: before its
    // first tile, and when all filters of all its cells are there.
    void begin(std::int64_t row) {
        const std::int64_t first = row * row_elements_;
        numbers_ = whole_ ? rows_.row(row) : output_ + first * lanes;
        pairs_ = reinterpret_cast<Pair*>(output_) + first / 2 * lanes;
        saved_ = all_saved_ ? all_saved_ + first : nullptr;
        signs_ = all_signs_ ? all_signs_ + first : nullptr;
    }
    void finish(std::int64_t row) const {
        if (whole_) rows_.finish(row);
    }

    // Rows of a plane, and cells of a row.
    std::int64_t lines() const { return a_.output_height; }
    std::int64_t cells() const { return a_.output_width; }

    // Takes a tile of sums, of those of C cells.
    template <int C, int tile>
    KERNELET_INLINE void take(const TileSums (&sums)[rows], int, const TilePlace& place) const {
        const std::int64_t cell = place.cell + tile % C;
        const std::int64_t first = place.q + tile / C * bfloat16_filters;
        const std::int64_t channel = place.group * (a_.filters / a_.groups) + first;
        if (fetches_) fetch(cell * a_.filters + channel);
        (this->*write_)(sums[0].tiles[0], place.channels.epilogue(channel),
                        cell * a_.filters + channel, filters_of(cell, first));
    }

  private:
    using Writer = void (TileOutput::*)(const float*, const Epilogue&, std::int64_t,
                                        std::int64_t) const;

    static bool needs_whole_rows(const ConvolutionBfloat16Arguments& a) {
        const bool derived = static_cast<Activation>(a.derivative) != Activation::linear;
        return a.pools || !epilogue_applies(a.activation) || (derived && !a.signs);
    }

    int kind() const {
        return (a_.rounded_output ? 1 : 0) + (all_saved_ ? 2 : 0) + (all_signs_ ? 4 : 0);
    }

    // What a tile that comes some cells later is written to.
    KERNELET_INLINE void fetch(std::int64_t element) const {
        const std::int64_t later = element + fetched_elements / (a_.rounded_output ? 1 : 2);
        const float* numbers =
            a_.rounded_output ? reinterpret_cast<const float*>(pairs_) : numbers_;
        const std::int64_t size = a_.rounded_output ? lanes / 2 : lanes;
        for (std::int64_t k = 0; k < bfloat16_filters * size; k += lanes) {
            __builtin_prefetch(numbers + later * size + k, 0, 2);
        }
    }

    // How many filters of a cell there are from `q` on: `cells` may reach beyond the last one.
    std::int64_t filters_of(std::int64_t cell, std::int64_t q) const {
        const std::int64_t cells = smaller(a_.cells, a_.output_cells - cell * a_.cells);
        return smaller(bfloat16_filters, cells * (maps_ / a_.groups) - q);
    }

    // Copies of members: after each vector stored, members would be loaded again.
    template <bool rounded, bool saved, bool signs>
    void write_elements(const float* sums, const Epilogue& given, std::int64_t element,
                        std::int64_t count) const {
        const Epilogue epilogue = given;
        const bool leaky = leaky_;
        const Vector slope = Vector::broadcast(static_cast<float>(a_.slope));
        float* numbers = numbers_ + element * lanes;
        Pair* pairs = pairs_ + element / 2 * lanes;
        const std::uint16_t* passing = saved ? saved_ + element : nullptr;
        std::uint16_t* above = signs ? signs_ + element : nullptr;
        const auto finished = [&](const Finish& finish, std::int64_t f, std::int64_t lane,
                                  std::uint32_t& bits) {
            Vector value = finish(Vector::load(sums + f * lanes + lane));
            if constexpr (saved) {
                value = gradient_by_sign(value, std::uint32_t{passing[f]} >> lane, leaky, slope);
            }
            if constexpr (signs) bits |= sign_bits(value) << lane;
            return value;
        };
        constexpr std::int64_t together = rounded ? 2 : 1;
        for (std::int64_t f = 0; f < count; f += together) {
            const Finish first = Finish::of_whole(epilogue, f);
            const Finish second = Finish::of_whole(epilogue, f + together - 1);
            std::uint32_t bits[2] = {};
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                const Vector value = finished(first, f, lane, bits[0]);
                if constexpr (rounded) {
                    pairs_of(value, finished(second, f + 1, lane, bits[1]))
                        .store(pairs + f / 2 * lanes + lane);
                } else {
                    value.store(numbers + f * lanes + lane);
                }
            }
            if constexpr (signs) {
                for (std::int64_t k = 0; k < together; ++k) {
                    above[f + k] = static_cast<std::uint16_t>(bits[k]);
                }
            }
        }
    }

    static constexpr Writer writers[] = {
        &TileOutput::write_elements<false, false, false>,
        &TileOutput::write_elements<true, false, false>,
        &TileOutput::write_elements<false, true, false>,
        &TileOutput::write_elements<true, true, false>,
        &TileOutput::write_elements<false, false, true>,
        &TileOutput::write_elements<true, false, true>,
        &TileOutput::write_elements<false, true, true>,
        &TileOutput::write_elements<true, true, true>,
    };

    const ConvolutionBfloat16Arguments& a_;
    OutputRows rows_;
    std::int64_t maps_;  // of a cell
    std::int64_t row_elements_;
    bool whole_;
    bool fetches_;
    bool leaky_;
    const std::uint16_t* all_saved_;
    float* output_;
    std::uint16_t* all_signs_;
    Writer write_;
    // Of the row that is being written.
    float* numbers_ = nullptr;
    Pair* pairs_ = nullptr;
    const std::uint16_t* saved_ = nullptr;
    std::uint16_t* signs_ = nullptr;
};

}  // namespace kernelet::KERNELET_ISA
