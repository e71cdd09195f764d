// What becomes of the sums of a tile: bias and activation, signs or the gradient of an activation,
// and rounding, before they are first stored. Rows that are pooled, or go through any other
// activation, are stored as they are and finished one by one.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/bfloat16/output_rows.h"
#include "kernels/bfloat16/reduction.h"
#include "kernels/tile.h"
#include "simd/pairs.h"

namespace kernelet::KERNELET_ISA {

class TileOutput {
  public:
    // Of a call of `convolution_bfloat16`.
    explicit TileOutput(const Call& call)
        : a_(arguments<ConvolutionBfloat16Arguments>(call)),
          rows_(call),
          row_elements_(a_.output_cells * (a_.filters / a_.cells)),
          whole_(needs_whole_rows(a_)),
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
        rounded_ = reinterpret_cast<std::uint16_t*>(output_) + first * lanes;
        saved_ = all_saved_ ? all_saved_ + first : nullptr;
        signs_ = all_signs_ ? all_signs_ + first : nullptr;
    }
    void finish(std::int64_t row) const {
        if (whole_) rows_.finish(row);
    }

    // Stores the sums of `count` elements of the row from `element` on.
    KERNELET_INLINE void write(const float* sums, const Epilogue& epilogue, std::int64_t element,
                               std::int64_t count) const {
        (this->*write_)(sums, epilogue, element, count);
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

    // Copies of members: after each vector stored, members would be loaded again.
    template <bool rounded, bool saved, bool signs>
    void write_elements(const float* sums, const Epilogue& given, std::int64_t element,
                        std::int64_t count) const {
        const Epilogue epilogue = given;
        const bool leaky = leaky_;
        const Vector slope = Vector::broadcast(static_cast<float>(a_.slope));
        float* numbers = numbers_ + element * lanes;
        std::uint16_t* halves = rounded_ + element * lanes;
        const std::uint16_t* passing = saved ? saved_ + element : nullptr;
        std::uint16_t* above = signs ? signs_ + element : nullptr;
        for (std::int64_t f = 0; f < count; ++f) {
            const Finish finish = Finish::of_channel(epilogue, f);
            std::uint32_t bits = 0;
            for (std::int64_t lane = 0; lane < lanes; lane += Vector::width) {
                Vector value = finish(Vector::load(sums + f * lanes + lane));
                if constexpr (saved) {
                    value =
                        gradient_by_sign(value, std::uint32_t{passing[f]} >> lane, leaky, slope);
                }
                if constexpr (signs) {
                    bits |= sign_bits(value) << lane;
                }
                if constexpr (rounded) {
                    store_bfloat16(value, halves + f * lanes + lane);
                } else {
                    value.store(numbers + f * lanes + lane);
                }
            }
            if constexpr (signs) above[f] = static_cast<std::uint16_t>(bits);
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
    std::int64_t row_elements_;
    bool whole_;
    bool leaky_;
    const std::uint16_t* all_saved_;
    float* output_;
    std::uint16_t* all_signs_;
    Writer write_;
    // Of the row that is being written.
    float* numbers_ = nullptr;
    std::uint16_t* rounded_ = nullptr;
    const std::uint16_t* saved_ = nullptr;
    std::uint16_t* signs_ = nullptr;
};

}  // namespace kernelet::KERNELET_ISA
