// What functions on arrays have in common in reading their arguments.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <tuple>

#include "kernelet/correlation.h"

using Triple = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
using SourceArray = nanobind::ndarray<nanobind::ro, nanobind::c_contig, nanobind::device::cpu>;
using TargetArray = nanobind::ndarray<nanobind::c_contig, nanobind::device::cpu>;

template <class Array>
void check_array(const Array& array, std::size_t axes, nanobind::dlpack::dtype type,
                 const char* name) {
    if (array.ndim() != axes || array.dtype() != type) {
        throw std::invalid_argument(std::string(name) + " must have " + std::to_string(axes) +
                                    " axes and the element type of the signal");
    }
}

// Sizes of the last three axes.
template <class Array>
kernelet::Extents extents(const Array& array) {
    const std::size_t first = array.ndim() - 3;
    const auto size = [&](std::size_t axis) {
        return static_cast<std::int64_t>(array.shape(first + axis));
    };
    return {size(0), size(1), size(2)};
}

inline kernelet::Correlation correlation_of(const SourceArray& signal,
                                            const kernelet::Extents& window,
                                            const TargetArray& output, const Triple& before,
                                            kernelet::Boundary boundary) {
    if (signal.shape(0) != output.shape(0)) {
        throw std::invalid_argument("signal and output must have the same batch");
    }
    const auto [depth, height, width] = before;
    return {static_cast<std::int64_t>(signal.shape(0)),
            extents(signal),
            window,
            {depth, height, width},
            extents(output),
            boundary};
}
