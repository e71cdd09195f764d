// Which filters a call of a bfloat16 gradient by the filters sums up.
#pragma once

#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/window.h"

namespace kernelet::KERNELET_ISA {

// The filters of a call's pieces: those of each group begin with a piece of their own.
struct FiltersOfCall {
    std::int64_t filters;  // of a group
    std::int64_t pieces;   // of a group
    std::int64_t begin;    // pieces of all groups
    std::int64_t end;

    explicit FiltersOfCall(const Call& call)
        : filters(arguments<FilterGradientBfloat16Arguments>(call).filters /
                  arguments<FilterGradientBfloat16Arguments>(call).groups),
          pieces((filters + convolution_filter_gradient_bfloat16_piece - 1) /
                 convolution_filter_gradient_bfloat16_piece),
          begin(call.begin),
          end(call.end) {}

    Span groups() const { return {begin / pieces, (end + pieces - 1) / pieces}; }

    Span pieces_of(std::int64_t group) const {
        const std::int64_t first = group * pieces;
        return {larger(begin - first, 0), smaller(end - first, pieces)};
    }
    // Counted from the first filter of the group.
    Span of_group(std::int64_t group) const {
        const Span own = pieces_of(group);
        return {own.begin * convolution_filter_gradient_bfloat16_piece,
                smaller(own.end * convolution_filter_gradient_bfloat16_piece, filters)};
    }

    // Counted through all groups.
    Span all() const {
        if (begin == end) return {0, 0};
        const std::int64_t first = groups().begin;
        const std::int64_t last = groups().end - 1;
        return {first * filters + of_group(first).begin, last * filters + of_group(last).end};
    }
};

}  // namespace kernelet::KERNELET_ISA
