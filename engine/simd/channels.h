// Neighbouring cells of few channels to a vector for each channel, and back. The numbers of as many
// cells as a vector has lanes fill as many vectors as there are channels.
#pragma once

#include <cstddef>
#include <utility>

#include "simd/transpose.h"

namespace kernelet::KERNELET_ISA {

// The even numbers of a and b, or the odd ones.
template <bool odd, class V, std::size_t... lane>
KERNELET_INLINE V every_other(V a, V b, std::index_sequence<lane...>) {
    return {shuffled<(2 * int{lane} + (odd ? 1 : 0))...>(a.v, b.v)};
}

// For an odd number C of channels, whose numbers lie in a different lane in each of `width`
// neighbouring cells: the cell whose number of a channel lies in a lane.
template <int C, int width>
constexpr int cell_in_lane(int channel, int lane) {
    int cell = 0;
    while ((C * cell + channel) % width != lane) ++cell;
    return cell;
}

// The numbers of a channel, each in the lane in which it lies, from the vectors up to `last`.
template <int C, int channel, int last, class V, std::size_t... lane>
KERNELET_INLINE V in_their_lanes(const V* cells, std::index_sequence<lane...> lanes_of) {
    constexpr int width = V::width;
    if constexpr (last == 0) {
        return cells[0];
    } else {
        const V before = in_their_lanes<C, channel, last - 1>(cells, lanes_of);
        return {shuffled<((C * cell_in_lane<C, width>(channel, int{lane}) + channel) / width == last
                              ? width + int{lane}
                              : int{lane})...>(before.v, cells[last].v)};
    }
}

template <int C, int channel, class V, std::size_t... lane>
KERNELET_INLINE V channel_of_cells(const V* cells, std::index_sequence<lane...> lanes_of) {
    const auto numbers = in_their_lanes<C, channel, C - 1>(cells, lanes_of).v;
    return {shuffled<((C * int{lane} + channel) % V::width)...>(numbers, numbers)};
}

// A channel's numbers, each in the lane in which it lies among the cells.
template <int C, int channel, class V, std::size_t... lane>
KERNELET_INLINE V to_their_lanes(V numbers, std::index_sequence<lane...>) {
    return {shuffled<cell_in_lane<C, V::width>(channel, int{lane})...>(numbers.v, numbers.v)};
}

// A vector of cells from the channels up to `last`, whose numbers are in their lanes.
template <int C, int vector, int last, class V, std::size_t... lane>
KERNELET_INLINE V vector_of_cells(const V* channels, std::index_sequence<lane...> lanes_of) {
    constexpr int width = V::width;
    if constexpr (last == 0) {
        return channels[0];
    } else {
        const V before = vector_of_cells<C, vector, last - 1>(channels, lanes_of);
        return {
            shuffled<((vector * width + int{lane}) % C == last ? width + int{lane} : int{lane})...>(
                before.v, channels[last].v)};
    }
}

template <int C, class V, std::size_t... k>
KERNELET_INLINE void split_odd(const V* cells, V* channels, std::index_sequence<k...>) {
    constexpr std::make_index_sequence<static_cast<std::size_t>(V::width)> lanes_of;
    ((channels[k] = channel_of_cells<C, int{k}>(cells, lanes_of)), ...);
}

template <int C, class V, std::size_t... k>
KERNELET_INLINE void join_odd(const V* channels, V* cells, std::index_sequence<k...>) {
    constexpr std::make_index_sequence<static_cast<std::size_t>(V::width)> lanes_of;
    const V moved[C] = {to_their_lanes<C, int{k}>(channels[k], lanes_of)...};
    ((cells[k] = vector_of_cells<C, int{k}, C - 1>(moved, lanes_of)), ...);
}

// C vectors of cells to one for each of C channels.
template <int C, class V>
KERNELET_INLINE void split_channels(const V* cells, V* channels) {
    if constexpr (C == 1 || V::width == 1) {
        KERNELET_UNROLL
        for (int c = 0; c < C; ++c) channels[c] = cells[c];
    } else if constexpr (C % 2 == 0) {
        constexpr std::make_index_sequence<static_cast<std::size_t>(V::width)> lanes_of;
        V halves[2][C / 2];
        KERNELET_UNROLL
        for (int k = 0; k < C / 2; ++k) {
            halves[0][k] = every_other<false>(cells[2 * k], cells[2 * k + 1], lanes_of);
            halves[1][k] = every_other<true>(cells[2 * k], cells[2 * k + 1], lanes_of);
        }
        V split[2][C / 2];
        split_channels<C / 2>(halves[0], split[0]);
        split_channels<C / 2>(halves[1], split[1]);
        KERNELET_UNROLL
        for (int c = 0; c < C; ++c) channels[c] = split[c % 2][c / 2];
    } else {
        split_odd<C>(cells, channels, std::make_index_sequence<C>());
    }
}

// A vector for each of C channels to C vectors of cells.
template <int C, class V>
KERNELET_INLINE void join_channels(const V* channels, V* cells) {
    if constexpr (C == 1 || V::width == 1) {
        KERNELET_UNROLL
        for (int c = 0; c < C; ++c) cells[c] = channels[c];
    } else if constexpr (C % 2 == 0) {
        constexpr std::make_index_sequence<static_cast<std::size_t>(V::width)> lanes_of;
        V halves[2][C / 2];
        KERNELET_UNROLL
        for (int c = 0; c < C; ++c) halves[c % 2][c / 2] = channels[c];
        V joined[2][C / 2];
        join_channels<C / 2>(halves[0], joined[0]);
        join_channels<C / 2>(halves[1], joined[1]);
        KERNELET_UNROLL
        for (int k = 0; k < C / 2; ++k) {
            cells[2 * k] = interleave<false>(joined[0][k], joined[1][k], lanes_of);
            cells[2 * k + 1] = interleave<true>(joined[0][k], joined[1][k], lanes_of);
        }
    } else {
        join_odd<C>(channels, cells, std::make_index_sequence<C>());
    }
}

}  // namespace kernelet::KERNELET_ISA
