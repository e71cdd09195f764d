#include "arrays/fourier_piece.h"

#include <algorithm>

#include "arrays/border.h"

namespace kernelet {
namespace {

// Where number x of a row stands in its cells.
std::int64_t place(std::int64_t x) {
    return x / fourier_cell * fourier_cell_elements + x % fourier_cell;
}

// A run of numbers of a row: those before the first whole cell, in whole cells, and after the last.
struct Runs {
    Runs(std::int64_t first, std::int64_t last)
        : begin(first),
          cells_begin(std::min(last, (first + fourier_cell - 1) / fourier_cell * fourier_cell)),
          cells_end(std::max(cells_begin, last / fourier_cell * fourier_cell)),
          end(last) {}

    std::int64_t cells() const { return (cells_end - cells_begin) / fourier_cell; }

    std::int64_t begin;
    std::int64_t cells_begin;
    std::int64_t cells_end;
    std::int64_t end;
};

// Calls body(x, count) for the parts of a run of numbers that lie within one cell.
template <class Body>
void for_cells(const Runs& runs, Body body) {
    if (runs.begin < runs.cells_begin) body(runs.begin, runs.cells_begin - runs.begin);
    for (std::int64_t x = runs.cells_begin; x < runs.cells_end; x += fourier_cell) {
        body(x, fourier_cell);
    }
    if (runs.cells_end < runs.end) body(runs.cells_end, runs.end - runs.cells_end);
}

template <class T>
void scatter(const FourierKernels<T>& kernels, const T* numbers, T* row, const Runs& runs) {
    const auto at = [&](std::int64_t x) { return numbers + (x - runs.begin); };
    std::copy(at(runs.begin), at(runs.cells_begin), row + place(runs.begin));
    kernels.scatter(at(runs.cells_begin), row + place(runs.cells_begin), runs.cells());
    std::copy(at(runs.cells_end), at(runs.end), row + place(runs.cells_end));
}

template <class T>
void gather(const FourierKernels<T>& kernels, const T* row, T* numbers, const Runs& runs) {
    const auto copy = [&](std::int64_t begin, std::int64_t end) {
        std::copy_n(row + place(begin), end - begin, numbers + (begin - runs.begin));
    };
    copy(runs.begin, runs.cells_begin);
    kernels.gather(row + place(runs.cells_begin), numbers + (runs.cells_begin - runs.begin),
                   runs.cells());
    copy(runs.cells_end, runs.end);
}

template <class T>
void fill_row(T* row, std::int64_t begin, std::int64_t end, T value) {
    for_cells(Runs(begin, end), [&](std::int64_t x, std::int64_t count) {
        std::fill_n(row + place(x), count, value);
    });
}

// Numbers `begin` to `end` of a row of cells; number x comes from place start + x of the array's
// row, which is null where it lies beyond the border of another axis.
template <class T>
void load_row(const FourierKernels<T>& kernels, const PieceSource<T>& source, const T* array_row,
              std::int64_t start, T* row, std::int64_t begin, std::int64_t end) {
    if (array_row == nullptr) {
        fill_row(row, begin, end, source.fill);
        return;
    }
    const std::int64_t length = source.lengths[2];
    const std::int64_t inside = std::clamp(-start, begin, end);
    const std::int64_t beyond = std::clamp(length - start, inside, end);
    const auto load_continued = [&](std::int64_t from, std::int64_t to) {
        for_cells(Runs(from, to), [&](std::int64_t x, std::int64_t count) {
            copy_continued(array_row, length, source.boundary, source.fill, start + x, count,
                           row + place(x));
        });
    };
    load_continued(begin, inside);
    if (inside < beyond) {
        scatter(kernels, array_row + start + inside, row, Runs(inside, beyond));
    }
    load_continued(beyond, end);
}

// The array's row that continues it at a place, or null.
template <class T>
const T* row_of(const PieceSource<T>& source, std::int64_t z, std::int64_t y) {
    const std::int64_t at_z = source_index(z, source.lengths[0], source.boundary);
    const std::int64_t at_y = source_index(y, source.lengths[1], source.boundary);
    if (at_z < 0 || at_y < 0) return nullptr;
    return source.data + (at_z * source.lengths[1] + at_y) * source.lengths[2];
}

}  // namespace

template <class T>
void load_piece(const PieceLayout<T>& layout, const PieceSource<T>& source, const Index3& start,
                const Index3& count, T* cells, const Team& team) {
    const std::int64_t row_cells = layout.lengths[2] / fourier_cell;
    const Range share = team.share(layout.lengths[0] * layout.lengths[1] * row_cells);
    for (std::int64_t cell = share.begin; cell < share.end;) {
        const std::int64_t row = cell / row_cells;
        const std::int64_t next = std::min(share.end, (row + 1) * row_cells);
        for (int part = 0; part < 2; ++part) {
            Index3 from = {row / layout.lengths[1], row % layout.lengths[1],
                           (cell - row * row_cells) * fourier_cell};
            from[layout.folded_axis] += part * layout.lengths[layout.folded_axis];
            const std::int64_t numbers = (next - cell) * fourier_cell;
            const bool empty = from[0] >= count[0] || from[1] >= count[1];
            const std::int64_t used =
                empty ? 0 : std::clamp(count[2] - from[2], std::int64_t{0}, numbers);
            T* const target = cells + cell * fourier_cell_elements + part * fourier_cell;
            if (used > 0) {
                const T* const array_row = row_of(source, start[0] + from[0], start[1] + from[1]);
                load_row(layout.kernels, source, array_row, start[2] + from[2], target, 0, used);
            }
            fill_row(target, used, numbers, T{0});
        }
        cell = next;
    }
}

template <class T>
void store_piece(const PieceLayout<T>& layout, const T* cells, const Index3& first,
                 const Index3& count, T* array, const Index3& lengths, const Index3& start,
                 const Team& team) {
    const std::int64_t row_cells = layout.lengths[2] / fourier_cell;
    const Range share = team.share(count[0] * count[1] * count[2]);
    for (std::int64_t number = share.begin; number < share.end;) {
        const std::int64_t row = number / count[2];
        const std::int64_t z = row / count[1];
        const std::int64_t y = row % count[1];
        const std::int64_t x = number - row * count[2];
        Index3 from = {first[0] + z, first[1] + y, first[2] + x};
        const std::size_t folded = layout.folded_axis;
        const int part = from[folded] >= layout.lengths[folded] ? 1 : 0;
        from[folded] -= part * layout.lengths[folded];
        const std::int64_t run =
            std::min({share.end - number, count[2] - x, layout.lengths[2] - from[2]});
        const T* const source =
            cells + (from[0] * layout.lengths[1] + from[1]) * row_cells * fourier_cell_elements +
            part * fourier_cell;
        T* const target =
            array + ((start[0] + z) * lengths[1] + start[1] + y) * lengths[2] + start[2] + x;
        gather(layout.kernels, source, target, Runs(from[2], from[2] + run));
        number += run;
    }
}

#define KERNELET_INSTANTIATE(T)                                                                 \
    template void load_piece<T>(const PieceLayout<T>&, const PieceSource<T>&, const Index3&,    \
                                const Index3&, T*, const Team&);                                \
    template void store_piece<T>(const PieceLayout<T>&, const T*, const Index3&, const Index3&, \
                                 T*, const Index3&, const Index3&, const Team&);
KERNELET_INSTANTIATE(float)
KERNELET_INSTANTIATE(double)
#undef KERNELET_INSTANTIATE

}  // namespace kernelet
