#include <cmath>
#include <complex>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <string>

#include "kernelet/fourier.h"
#include "kernelet/team.h"

namespace kernelet {
namespace {

// What a leaf may fill of the nearest cache, 32 KiB or more on processors of today; constants,
// values and factors need the rest.
constexpr std::int64_t leaf_bytes = 16 * 1024;

// Blocks for each thread where threads share a transform, so that none waits long.
constexpr std::int64_t blocks_a_thread = 8;

// e^{2πi·turns}, at an angle of at most an eighth of a turn, where sine and cosine are exact to the
// last bit or two.
std::complex<double> unit_root(double turns) {
    const double quarters = std::round(4.0 * turns);
    const double angle = 2.0 * std::numbers::pi * (turns - quarters / 4.0);
    const std::complex<double> root{std::cos(angle), std::sin(angle)};
    switch (static_cast<std::int64_t>(quarters) & 3) {
        case 0:
            return root;
        case 1:
            return {-root.imag(), root.real()};
        case 2:
            return -root;
        default:
            return {root.imag(), -root.real()};
    }
}

std::int64_t product(const std::vector<int>& radices) {
    return std::accumulate(radices.begin(), radices.end(), std::int64_t{1}, std::multiplies<>{});
}

template <class T>
void check_radices(const FourierKernels<T>& kernels, const std::vector<int>& radices) {
    for (const int radix : radices) {
        if (radix < 0 || radix >= static_cast<int>(std::size(kernels.divide)) ||
            kernels.divide[radix] == nullptr) {
            throw std::invalid_argument("no division by " + std::to_string(radix));
        }
    }
}

}  // namespace

template <class T>
FourierPlan<T>::FourierPlan(const FourierKernels<T>& kernels,
                            const std::array<std::vector<int>, 3>& radices)
    : kernels_(kernels) {
    for (std::size_t axis = 3; axis-- > 0;) {
        check_radices(kernels, radices[axis]);
        lengths_[axis] = product(radices[axis]) * (axis == 2 ? fourier_cell : 1);
        if (!radices[axis].empty()) folded_axis_ = axis;
    }
    cells_ = lengths_[0] * lengths_[1] * lengths_[2] / fourier_cell;
    if (cells_ % fourier_cell != 0) {
        throw std::invalid_argument(std::to_string(cells_) + " cells do not fill groups of 16");
    }
    std::int64_t inner_cells = cells_;
    std::vector<double> angles;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        inner_cells /= product(radices[axis]);
        angles = add_axis(radices[axis], axis == folded_axis_ ? 0.25 : 0.0, inner_cells);
    }
    set_roots(angles);
    choose_leaf();
}

// Returns the angles of the blocks after the last division.
template <class T>
std::vector<double> FourierPlan<T>::add_axis(const std::vector<int>& radices, double angle,
                                             std::int64_t inner_cells) {
    std::vector<double> angles{angle};
    std::int64_t stride = product(radices) * inner_cells;
    for (const int radix : radices) {
        stride /= radix;
        Level level{radix, stride, static_cast<std::int64_t>(angles.size()), {}};
        std::vector<double> next;
        for (const double turns : angles) {
            for (int k = 1; k < radix; ++k) {
                const std::complex<double> constant = unit_root(turns * k / radix);
                level.constants.push_back(static_cast<T>(constant.real()));
                level.constants.push_back(static_cast<T>(constant.imag()));
            }
            for (int k = 0; k < radix; ++k) next.push_back((turns + k) / radix);
        }
        levels_.push_back(std::move(level));
        angles = std::move(next);
    }
    return angles;
}

template <class T>
void FourierPlan<T>::set_roots(const std::vector<double>& angles) {
    constexpr int powers[] = {1, 2, 3, 4, 8, 12};
    const auto count = static_cast<std::int64_t>(angles.size());
    root_period_ = count / std::gcd(count, fourier_cell);
    roots_.resize(static_cast<std::size_t>(root_period_) * std::size(powers) *
                  fourier_cell_elements);
    T* target = roots_.data();
    for (std::int64_t group = 0; group < root_period_; ++group) {
        for (const int power : powers) {
            for (std::int64_t lane = 0; lane < fourier_cell; ++lane) {
                const std::int64_t cell = (group * fourier_cell + lane) % count;
                const double turns = angles[static_cast<std::size_t>(cell)];
                const std::complex<double> root =
                    unit_root(turns * power / static_cast<double>(fourier_cell));
                target[lane] = static_cast<T>(root.real());
                target[lane + fourier_cell] = static_cast<T>(root.imag());
            }
            target += fourier_cell_elements;
        }
    }
}

// A leaf must be made of whole groups.
template <class T>
void FourierPlan<T>::choose_leaf() {
    constexpr auto largest =
        leaf_bytes / (fourier_cell_elements * static_cast<std::int64_t>(sizeof(T)));
    while (leaf_ < levels_.size() && block_cells(leaf_) > largest &&
           levels_[leaf_].stride % fourier_cell == 0) {
        ++leaf_;
    }
}

// Cells of a block before the division of a level.
template <class T>
std::int64_t FourierPlan<T>::block_cells(std::size_t level) const {
    return level == 0 ? cells_ : levels_[level - 1].stride;
}

template <class T>
void FourierPlan<T>::divide(std::size_t level, T* cells, const FourierBlocks& blocks,
                            bool back) const {
    const Level& at = levels_[level];
    const auto kernel = (back ? kernels_.combine : kernels_.divide)[at.radix];
    kernel(cells, at.constants.data(), blocks);
}

template <class T>
void FourierPlan<T>::transform_leaf(T* cells, const T* factors, std::int64_t index) const {
    const std::int64_t size = block_cells(leaf_);
    const auto blocks_of = [&](std::size_t level) {
        const std::int64_t count = size / block_cells(level);
        const Level& at = levels_[level];
        return FourierBlocks{count, at.stride, 0, at.stride, index * count % at.period, at.period};
    };
    for (std::size_t level = leaf_; level < levels_.size(); ++level) {
        divide(level, cells, blocks_of(level), false);
    }
    const std::int64_t count = size / fourier_cell;
    const FourierGroups groups{count, index * count % root_period_, root_period_};
    if (factors == nullptr) {
        const auto values = static_cast<double>(cells_ * fourier_cell);
        kernels_.evaluate(cells, roots_.data(), groups, static_cast<T>(1.0 / values));
        return;
    }
    kernels_.multiply(cells, factors, roots_.data(), groups);
    for (std::size_t level = levels_.size(); level-- > leaf_;) {
        divide(level, cells, blocks_of(level), true);
    }
}

// A block and what it is divided into, to the end, before the next block: what fits a cache is
// fetched into it once. Without factors the values are left.
template <class T>
void FourierPlan<T>::transform(std::size_t level, T* cells, const T* factors,
                               std::int64_t index) const {
    if (level == leaf_) {
        transform_leaf(cells, factors, index);
        return;
    }
    const Level& at = levels_[level];
    const FourierBlocks whole{1, at.stride, 0, at.stride, index % at.period, at.period};
    divide(level, cells, whole, false);
    for (int part = 0; part < at.radix; ++part) {
        const std::int64_t offset = part * at.stride * fourier_cell_elements;
        transform(level + 1, cells + offset, factors == nullptr ? nullptr : factors + offset,
                  index * at.radix + part);
    }
    if (factors != nullptr) divide(level, cells, whole, true);
}

// Levels whose divisions a team shares, until there are blocks enough for each thread to take some.
template <class T>
std::size_t FourierPlan<T>::shared_levels(const Team& team) const {
    if (team.count == 1) return 0;
    std::size_t level = 0;
    while (level < leaf_ && cells_ / block_cells(level) < blocks_a_thread * team.count) ++level;
    return level;
}

template <class T>
void FourierPlan<T>::divide_together(std::size_t level, T* cells, const Team& team,
                                     bool back) const {
    const Level& at = levels_[level];
    const Range columns = team.share(at.stride);
    divide(level, cells,
           {cells_ / block_cells(level), at.stride, columns.begin, columns.end, 0, at.period},
           back);
    team.wait();
}

template <class T>
void FourierPlan<T>::transform_together(T* cells, const T* factors, const Team& team) const {
    const std::size_t shared = shared_levels(team);
    for (std::size_t level = 0; level < shared; ++level) {
        divide_together(level, cells, team, false);
    }
    const std::int64_t size = block_cells(shared);
    const Range blocks = team.share(cells_ / size);
    for (std::int64_t block = blocks.begin; block < blocks.end; ++block) {
        const std::int64_t offset = block * size * fourier_cell_elements;
        transform(shared, cells + offset, factors == nullptr ? nullptr : factors + offset, block);
    }
    team.wait();
    if (factors == nullptr) return;
    for (std::size_t level = shared; level-- > 0;) divide_together(level, cells, team, true);
}

template <class T>
void FourierPlan<T>::evaluate(T* cells, const Team& team) const {
    transform_together(cells, nullptr, team);
}

template <class T>
void FourierPlan<T>::multiply(T* cells, const T* factors, const Team& team) const {
    transform_together(cells, factors, team);
}

template class FourierPlan<float>;
template class FourierPlan<double>;

}  // namespace kernelet
