// Real arrays to the cells of a transform, and back.
#pragma once

#include <array>
#include <cstdint>

#include "kernelet/correlation.h"
#include "kernelet/fourier.h"
#include "kernelet/team.h"

namespace kernelet {

using Index3 = std::array<std::int64_t, 3>;

// How the cells of a transform hold real numbers: along the folded axis those from `lengths` on
// are the imaginary parts.
template <class T>
struct PieceLayout {
    const FourierKernels<T>& kernels;
    Index3 lengths;
    std::size_t folded_axis;

    Index3 real_lengths() const {
        Index3 real = lengths;
        real[folded_axis] *= 2;
        return real;
    }
};

// A real array of which a piece is taken. The array goes on beyond its border.
template <class T>
struct PieceSource {
    const T* data;
    Index3 lengths;
    Boundary boundary;
    T fill;
};

// Loads the piece that begins at `start` and has `count` numbers an axis; the rest of the transform
// is zeros. Threads take whole cells.
template <class T>
void load_piece(const PieceLayout<T>& layout, const PieceSource<T>& source, const Index3& start,
                const Index3& count, T* cells, const Team& team);

// Stores `count` numbers an axis, from number `first` of the piece on, at `start` of an array of
// the given lengths.
template <class T>
void store_piece(const PieceLayout<T>& layout, const T* cells, const Index3& first,
                 const Index3& count, T* array, const Index3& lengths, const Index3& start,
                 const Team& team);

}  // namespace kernelet
