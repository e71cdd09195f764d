// The kernels, each with its arguments and its number of operands: the one list that the tables of
// the instruction sets, the binding's checks and Python's plans agree on.
//
// ARGUMENTS_<Type> lists the fields of the structure <Type>Arguments, all eight bytes wide.
// KERNELET_KERNELS lists KERNEL(name, Type, operands): kernel <name> takes a <Type>Arguments.
#pragma once

#include <cstdint>

namespace kernelet {

// Taps of a sliding window: a window at output (i, j) reads rows i·stride − pad + k·dilation.
#define ARGUMENTS_Convolution(INTEGER, REAL) \
    INTEGER(height)                          \
    INTEGER(width)                           \
    INTEGER(channels)                        \
    INTEGER(output_height)                   \
    INTEGER(output_width)                    \
    INTEGER(filters)                         \
    INTEGER(kernel_height)                   \
    INTEGER(kernel_width)                    \
    INTEGER(stride_height)                   \
    INTEGER(stride_width)                    \
    INTEGER(dilation_height)                 \
    INTEGER(dilation_width)                  \
    INTEGER(pad_top)                         \
    INTEGER(pad_left)                        \
    INTEGER(groups)                          \
    INTEGER(activation)                      \
    REAL(slope)

// `channels` and `filters` are those of one group; `taps` is kernel height × kernel width.
#define ARGUMENTS_PackFilters(INTEGER, REAL) \
    INTEGER(taps)                            \
    INTEGER(channels)                        \
    INTEGER(filters)                         \
    INTEGER(groups)                          \
    INTEGER(transposed)

#define ARGUMENTS_Dense(INTEGER, REAL) \
    INTEGER(inputs)                    \
    INTEGER(outputs)                   \
    INTEGER(activation)                \
    REAL(slope)

#define ARGUMENTS_Size(INTEGER, REAL) INTEGER(size)

#define KERNELET_KERNELS(KERNEL)                        \
    KERNEL(pack_filters, PackFilters, 2)                \
    KERNEL(convolution, Convolution, 4)                 \
    KERNEL(convolution_input_gradient, Convolution, 3)  \
    KERNEL(convolution_filter_gradient, Convolution, 3) \
    KERNEL(dense, Dense, 4)                             \
    KERNEL(outer_product_sum, Dense, 4)                 \
    KERNEL(sum_partials, Size, 2)

#define KERNELET_FIELD_INTEGER(name) std::int64_t name;
#define KERNELET_FIELD_REAL(name) double name;
#define KERNELET_DEFINE_ARGUMENTS(Type)                               \
    struct Type##Arguments {                                          \
        ARGUMENTS_##Type(KERNELET_FIELD_INTEGER, KERNELET_FIELD_REAL) \
    };

KERNELET_DEFINE_ARGUMENTS(Convolution)
KERNELET_DEFINE_ARGUMENTS(PackFilters)
KERNELET_DEFINE_ARGUMENTS(Dense)
KERNELET_DEFINE_ARGUMENTS(Size)

// Functions that convolution and dense kernels apply to their sums, and `activate` to any value.
#define KERNELET_ACTIVATIONS(ACTIVATION) \
    ACTIVATION(linear)                   \
    ACTIVATION(relu)                     \
    ACTIVATION(leaky_relu)               \
    ACTIVATION(sigmoid)                  \
    ACTIVATION(tanh)                     \
    ACTIVATION(gelu)                     \
    ACTIVATION(silu)

#define KERNELET_ENUMERATE(name) name,
enum class Activation : std::int64_t { KERNELET_ACTIVATIONS(KERNELET_ENUMERATE) };

}  // namespace kernelet
