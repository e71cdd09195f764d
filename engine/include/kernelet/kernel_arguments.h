// The arguments of the kernels: ARGUMENTS_<Type> lists the fields of the structure <Type>Arguments,
// all eight bytes wide.
#pragma once

#include <cstdint>

namespace kernelet {

// A sliding window over up to three axes: output cell i of an axis reads input cells
// i·stride − pad + k·dilation. An axis that an input lacks has length 1.
#define KERNELET_WINDOW_AXIS(INTEGER, axis) \
    INTEGER(axis)                           \
    INTEGER(output_##axis)                  \
    INTEGER(kernel_##axis)                  \
    INTEGER(stride_##axis)                  \
    INTEGER(pad_##axis)

#define KERNELET_WINDOW(INTEGER)          \
    KERNELET_WINDOW_AXIS(INTEGER, depth)  \
    KERNELET_WINDOW_AXIS(INTEGER, height) \
    KERNELET_WINDOW_AXIS(INTEGER, width)

#define ARGUMENTS_Convolution(INTEGER, REAL) \
    KERNELET_WINDOW(INTEGER)                 \
    INTEGER(dilation_depth)                  \
    INTEGER(dilation_height)                 \
    INTEGER(dilation_width)                  \
    INTEGER(channels)                        \
    INTEGER(filters)                         \
    INTEGER(groups)                          \
    INTEGER(activation)                      \
    REAL(slope)

// The gradient by the filters, of strips of output cells and of some channels at a time.
#define ARGUMENTS_FilterGradientStrips(INTEGER, REAL)                               \
    ARGUMENTS_Convolution(INTEGER, REAL) INTEGER(strip_rows) INTEGER(strip_columns) \
        INTEGER(channels_together)

// For single samples: floats between the cells of the input and of the upstream gradient.
#define ARGUMENTS_SingleFilterGradient(INTEGER, REAL) \
    ARGUMENTS_FilterGradientStrips(INTEGER, REAL) INTEGER(input_floats) INTEGER(upstream_floats)

#define ARGUMENTS_DepthwiseGradient(INTEGER, REAL) \
    ARGUMENTS_Convolution(INTEGER, REAL) INTEGER(input_floats) INTEGER(upstream_floats)

// The same by vectors of cells, of some output rows at a time.
#define ARGUMENTS_CellsFilterGradient(INTEGER, REAL) \
    ARGUMENTS_DepthwiseGradient(INTEGER, REAL) INTEGER(strip_rows)

// For kernels of single samples: floats between the cells of the input and of the output.
#define ARGUMENTS_SingleConvolution(INTEGER, REAL) \
    ARGUMENTS_Convolution(INTEGER, REAL) INTEGER(cell_floats) INTEGER(output_floats)

// Rows of output cells are taken `band` at a time. Pieces are panels of filters of one row after
// the other, or, unless `by_rows`, rows of one panel after the other.
#define ARGUMENTS_PanelConvolution(INTEGER, REAL) \
    ARGUMENTS_SingleConvolution(INTEGER, REAL) INTEGER(band) INTEGER(by_rows)

// The filters of `merged` groups share a panel. Taps that read nothing may be left out where
// `skips` is 1; otherwise they read zeros, between which rows are copied.
#define ARGUMENTS_SinglePanelConvolution(INTEGER, REAL) \
    ARGUMENTS_PanelConvolution(INTEGER, REAL) INTEGER(merged) INTEGER(skips)

#define ARGUMENTS_SingleDense(INTEGER, REAL) \
    INTEGER(cells)                           \
    INTEGER(channels)                        \
    INTEGER(cell_floats)                     \
    INTEGER(outputs)                         \
    INTEGER(activation)                      \
    REAL(slope)

#define ARGUMENTS_SingleDenseProduct(INTEGER, REAL) \
    ARGUMENTS_SingleDense(INTEGER, REAL) INTEGER(in_parts)

#define ARGUMENTS_BatchDense(INTEGER, REAL) \
    ARGUMENTS_SingleDenseProduct(INTEGER, REAL) INTEGER(parts)

#define ARGUMENTS_PackSingle(INTEGER, REAL) \
    INTEGER(input)                          \
    INTEGER(cells)                          \
    INTEGER(channels)                       \
    INTEGER(cell_floats)

// The cells of a single sample, and the floats from one to the next.
#define ARGUMENTS_Cells(INTEGER, REAL) \
    INTEGER(cells)                     \
    INTEGER(channels)                  \
    INTEGER(cell_floats)

#define ARGUMENTS_SingleBinaryCrossEntropy(INTEGER, REAL) \
    ARGUMENTS_Cells(INTEGER, REAL) INTEGER(from_logits)

#define ARGUMENTS_SingleBinaryAccuracy(INTEGER, REAL) ARGUMENTS_Cells(INTEGER, REAL) REAL(threshold)

#define ARGUMENTS_UnpackSingle(INTEGER, REAL) \
    INTEGER(output)                           \
    INTEGER(cells)                            \
    INTEGER(channels)                         \
    INTEGER(cell_floats)

// `channels` and `filters` are those of one group; `taps` is the kernel's number of cells.
#define ARGUMENTS_PackFilters(INTEGER, REAL) \
    INTEGER(taps)                            \
    INTEGER(channels)                        \
    INTEGER(filters)                         \
    INTEGER(groups)                          \
    INTEGER(transposed)

// `merged` groups share a panel.
#define ARGUMENTS_PackFiltersSingle(INTEGER, REAL) \
    ARGUMENTS_PackFilters(INTEGER, REAL) INTEGER(merged)

// Correlation of a picture with filters of `taps` × `taps`; `tiles` of the output are taken at a
// time.
#define ARGUMENTS_Winograd(INTEGER, REAL) \
    INTEGER(taps)                         \
    INTEGER(height)                       \
    INTEGER(width)                        \
    INTEGER(pad_height)                   \
    INTEGER(pad_width)                    \
    INTEGER(output_height)                \
    INTEGER(output_width)                 \
    INTEGER(channels)                     \
    INTEGER(filters)                      \
    INTEGER(tiles)                        \
    INTEGER(activation)                   \
    REAL(slope)

// Pieces are panels of filters where `by_panels`, else rows of tiles.
#define ARGUMENTS_SingleWinograd(INTEGER, REAL) \
    ARGUMENTS_Winograd(INTEGER, REAL) INTEGER(cell_floats) INTEGER(output_floats) INTEGER(by_panels)

#define ARGUMENTS_SingleWinogradGradient(INTEGER, REAL) \
    ARGUMENTS_Winograd(INTEGER, REAL) INTEGER(input_floats) INTEGER(upstream_floats)

// `transposed` swaps channels and filters and turns the filters by half a circle; `panels` are for
// single samples, instead of blocks of output channels.
#define ARGUMENTS_WinogradFilters(INTEGER, REAL) \
    INTEGER(taps)                                \
    INTEGER(channels)                            \
    INTEGER(filters)                             \
    INTEGER(transposed)                          \
    INTEGER(panels)

// Maximum pooling by windows that lie side by side from the first row and column on, the last ones
// perhaps shorter; what is beyond them belongs to none. The index of a maximum is its place in its
// window, row by row, in a byte; 255 where `rectified` cells have a maximum that is not above zero,
// whose gradient goes nowhere.
#define ARGUMENTS_IndexedPooling(INTEGER, REAL) \
    INTEGER(window_height)                      \
    INTEGER(window_width)                       \
    INTEGER(pooled_height)                      \
    INTEGER(pooled_width)

#define ARGUMENTS_MaxUnpool(INTEGER, REAL) \
    INTEGER(planes)                        \
    INTEGER(height)                        \
    INTEGER(width)                         \
    INTEGER(channels)                      \
    ARGUMENTS_IndexedPooling(INTEGER, REAL)

// In bfloat16, the products of `run_taps` neighbouring taps are one run, which takes `run_slots`
// places in the order of products, two products each. Input cells lie `step` positions apart with
// zeros in between; `pad` may be negative: positions before the first one are not read then.
// Kernels by matrix tiles may take the rows of a filter's taps together as well, as one run, and
// `cells` neighbouring output cells: filters, width and stride count for all of them, and
// `output_cells` are those of a row. Where what an activation saved is among the operands, its
// gradient follows, of the activation `derivative`; where `signs`, this is a bit a number that says
// whether the output was above zero. The indexed pooling is of the output where it `pools`, and of
// the input where it `unpools`. Rounded values are stored in bfloat16.
#define ARGUMENTS_ConvolutionBfloat16(INTEGER, REAL)                                      \
    ARGUMENTS_Convolution(INTEGER, REAL) INTEGER(step_depth) INTEGER(step_height)         \
        INTEGER(step_width) INTEGER(run_taps) INTEGER(run_slots) INTEGER(rows_together)   \
            INTEGER(cells) INTEGER(output_cells) INTEGER(derivative) INTEGER(signs)       \
                ARGUMENTS_IndexedPooling(INTEGER, REAL) INTEGER(pools) INTEGER(rectified) \
                    INTEGER(unpools) INTEGER(rounded_input) INTEGER(rounded_output)

// The indexed pooling is of the upstream gradient, where it `unpools`. Kernels by matrix tiles may
// take the rows of a filter's taps together.
#define ARGUMENTS_FilterGradientBfloat16(INTEGER, REAL)                                           \
    ARGUMENTS_Convolution(INTEGER, REAL) ARGUMENTS_IndexedPooling(INTEGER, REAL) INTEGER(unpools) \
        INTEGER(rows_together) INTEGER(rounded_input) INTEGER(rounded_upstream)

// A convolution of single samples; panels have the filters of two tiles. Where taps are `gathered`,
// those of an output cell lie one behind the other, otherwise whole lines of a cell's channels do.
// Rows of output cells are cut into tiles of `tile_cells`, at most sixteen.
#define ARGUMENTS_SingleConvolutionBfloat16(INTEGER, REAL) \
    ARGUMENTS_PanelConvolution(INTEGER, REAL) INTEGER(gathered) INTEGER(tile_cells)

#define ARGUMENTS_PackFiltersBfloat16(INTEGER, REAL) \
    INTEGER(taps)                                    \
    INTEGER(channels)                                \
    INTEGER(filters)                                 \
    INTEGER(groups)                                  \
    INTEGER(rotated)                                 \
    INTEGER(run_taps)                                \
    INTEGER(run_slots)

// Filters of one group for `cells` neighbouring output cells, `cell_taps` taps apart.
#define ARGUMENTS_PackCellsBfloat16(INTEGER, REAL) \
    INTEGER(kernel_depth)                          \
    INTEGER(kernel_height)                         \
    INTEGER(kernel_width)                          \
    INTEGER(channels)                              \
    INTEGER(filters)                               \
    INTEGER(rotated)                               \
    INTEGER(cells)                                 \
    INTEGER(cell_taps)                             \
    INTEGER(rows_together)                         \
    INTEGER(run_slots)

#define ARGUMENTS_Dense(INTEGER, REAL) \
    INTEGER(inputs)                    \
    INTEGER(outputs)                   \
    INTEGER(activation)                \
    REAL(slope)

// In parts, inputs are summed in `dense_parts` parts, which are then added in their order.
#define ARGUMENTS_DenseProduct(INTEGER, REAL) ARGUMENTS_Dense(INTEGER, REAL) INTEGER(in_parts)

// Transposed, the weights are [output][input]; packed, they are as `pack_filters_bfloat16` makes
// them of a filter of one tap. A rounded output has no other activation than those of an epilogue.
#define ARGUMENTS_DenseBfloat16(INTEGER, REAL) \
    ARGUMENTS_Dense(INTEGER, REAL) INTEGER(transposed) INTEGER(rounded_output) INTEGER(packed)

#define ARGUMENTS_OuterProductBfloat16(INTEGER, REAL) \
    INTEGER(inputs)                                   \
    INTEGER(outputs)                                  \
    INTEGER(rounded_input)

#define ARGUMENTS_Size(INTEGER, REAL) INTEGER(size)

#define ARGUMENTS_None(INTEGER, REAL)

// The last axis of a value and all others.
#define ARGUMENTS_Channels(INTEGER, REAL) \
    INTEGER(cells)                        \
    INTEGER(channels)

// `scale` and `center` are 1 where gamma and beta are among the operands, otherwise 0.
#define ARGUMENTS_Normalization(INTEGER, REAL) \
    INTEGER(cells)                             \
    INTEGER(channels)                          \
    REAL(epsilon)                              \
    INTEGER(scale)                             \
    INTEGER(center)

#define ARGUMENTS_Normalize(INTEGER, REAL) \
    ARGUMENTS_Normalization(INTEGER, REAL) INTEGER(activation) REAL(slope)

#define ARGUMENTS_NormalizationFactors(INTEGER, REAL) \
    INTEGER(size)                                     \
    REAL(epsilon)

#define ARGUMENTS_Average(INTEGER, REAL) REAL(momentum)

#define ARGUMENTS_BinaryCrossEntropy(INTEGER, REAL) \
    INTEGER(size)                                   \
    INTEGER(from_logits)

#define ARGUMENTS_TopK(INTEGER, REAL) \
    INTEGER(size)                     \
    INTEGER(k)

#define ARGUMENTS_BinaryAccuracy(INTEGER, REAL) \
    INTEGER(size)                               \
    REAL(threshold)

#define ARGUMENTS_SGD(INTEGER, REAL) \
    REAL(momentum)                   \
    INTEGER(nesterov)                \
    REAL(weight_decay)

#define ARGUMENTS_Adam(INTEGER, REAL) \
    REAL(beta_1)                      \
    REAL(beta_2)                      \
    REAL(epsilon)                     \
    REAL(weight_decay)

#define ARGUMENTS_Squares(INTEGER, REAL) \
    INTEGER(size)                        \
    INTEGER(run)

#define ARGUMENTS_Limit(INTEGER, REAL) REAL(limit)

// Cells of a window outside the picture take no part in a pooling; its dilation is 1.
#define ARGUMENTS_Pooling(INTEGER, REAL) \
    KERNELET_WINDOW(INTEGER)             \
    INTEGER(channels)

// For kernels of single samples: floats between the cells of the pictures and of the maps.
#define ARGUMENTS_SinglePooling(INTEGER, REAL) \
    ARGUMENTS_Pooling(INTEGER, REAL) INTEGER(cell_floats) INTEGER(output_floats)

// `rectified` is 1 where the pictures are the output of a relu, by whose input the gradient is
// then.
#define ARGUMENTS_MaxPoolGradient(INTEGER, REAL) ARGUMENTS_Pooling(INTEGER, REAL) INTEGER(rectified)

#define ARGUMENTS_Activation(INTEGER, REAL) \
    INTEGER(activation)                     \
    REAL(slope)

#define ARGUMENTS_ChannelSlice(INTEGER, REAL) \
    INTEGER(cells)                            \
    INTEGER(channels)                         \
    INTEGER(begin)                            \
    INTEGER(end)

#define ARGUMENTS_Dropout(INTEGER, REAL) \
    INTEGER(size)                        \
    INTEGER(stream)                      \
    INTEGER(threshold)                   \
    REAL(scale)

#define ARGUMENTS_SingleDropout(INTEGER, REAL) \
    INTEGER(cells)                             \
    INTEGER(channels)                          \
    INTEGER(stream)                            \
    INTEGER(threshold)                         \
    REAL(scale)

// A value of `size` elements of a single sample, before and after.
#define ARGUMENTS_Reshape(INTEGER, REAL) \
    INTEGER(size)                        \
    INTEGER(channels)                    \
    INTEGER(cell_floats)                 \
    INTEGER(new_channels)                \
    INTEGER(new_cell_floats)

// Flips are 0 or 1; shifts are the largest ones, in cells; `shift_fill` is a ShiftFill.
#define ARGUMENTS_PackSamples(INTEGER, REAL) \
    INTEGER(input)                           \
    INTEGER(height)                          \
    INTEGER(width)                           \
    INTEGER(channels)                        \
    INTEGER(flip_vertical)                   \
    INTEGER(flip_horizontal)                 \
    INTEGER(flip_stream)                     \
    INTEGER(shift_rows)                      \
    INTEGER(shift_columns)                   \
    INTEGER(shift_stream)                    \
    INTEGER(shift_fill)                      \
    INTEGER(shift_first)

#define ARGUMENTS_PackAugmentedSingle(INTEGER, REAL) \
    ARGUMENTS_PackSamples(INTEGER, REAL) INTEGER(cell_floats)

#define ARGUMENTS_UnpackSamples(INTEGER, REAL) \
    INTEGER(output)                            \
    INTEGER(size)

#define KERNELET_FIELD_INTEGER(name) std::int64_t name;
#define KERNELET_FIELD_REAL(name) double name;
#define KERNELET_DEFINE_ARGUMENTS(Type)                               \
    struct Type##Arguments {                                          \
        ARGUMENTS_##Type(KERNELET_FIELD_INTEGER, KERNELET_FIELD_REAL) \
    };

KERNELET_DEFINE_ARGUMENTS(Convolution)
KERNELET_DEFINE_ARGUMENTS(FilterGradientStrips)
KERNELET_DEFINE_ARGUMENTS(SingleFilterGradient)
KERNELET_DEFINE_ARGUMENTS(PackFilters)
KERNELET_DEFINE_ARGUMENTS(PackFiltersSingle)
KERNELET_DEFINE_ARGUMENTS(Winograd)
KERNELET_DEFINE_ARGUMENTS(SingleWinograd)
KERNELET_DEFINE_ARGUMENTS(SingleWinogradGradient)
KERNELET_DEFINE_ARGUMENTS(WinogradFilters)
KERNELET_DEFINE_ARGUMENTS(ConvolutionBfloat16)
KERNELET_DEFINE_ARGUMENTS(FilterGradientBfloat16)
KERNELET_DEFINE_ARGUMENTS(MaxUnpool)
KERNELET_DEFINE_ARGUMENTS(PackFiltersBfloat16)
KERNELET_DEFINE_ARGUMENTS(PackCellsBfloat16)
KERNELET_DEFINE_ARGUMENTS(Dense)
KERNELET_DEFINE_ARGUMENTS(DenseProduct)
KERNELET_DEFINE_ARGUMENTS(DenseBfloat16)
KERNELET_DEFINE_ARGUMENTS(OuterProductBfloat16)
KERNELET_DEFINE_ARGUMENTS(Size)
KERNELET_DEFINE_ARGUMENTS(None)
KERNELET_DEFINE_ARGUMENTS(Channels)
KERNELET_DEFINE_ARGUMENTS(Normalization)
KERNELET_DEFINE_ARGUMENTS(Normalize)
KERNELET_DEFINE_ARGUMENTS(NormalizationFactors)
KERNELET_DEFINE_ARGUMENTS(Average)
KERNELET_DEFINE_ARGUMENTS(BinaryCrossEntropy)
KERNELET_DEFINE_ARGUMENTS(TopK)
KERNELET_DEFINE_ARGUMENTS(BinaryAccuracy)
KERNELET_DEFINE_ARGUMENTS(SGD)
KERNELET_DEFINE_ARGUMENTS(Adam)
KERNELET_DEFINE_ARGUMENTS(Squares)
KERNELET_DEFINE_ARGUMENTS(Limit)
KERNELET_DEFINE_ARGUMENTS(Pooling)
KERNELET_DEFINE_ARGUMENTS(SinglePooling)
KERNELET_DEFINE_ARGUMENTS(MaxPoolGradient)
KERNELET_DEFINE_ARGUMENTS(Activation)
KERNELET_DEFINE_ARGUMENTS(ChannelSlice)
KERNELET_DEFINE_ARGUMENTS(Dropout)
KERNELET_DEFINE_ARGUMENTS(PackSamples)
KERNELET_DEFINE_ARGUMENTS(UnpackSamples)
KERNELET_DEFINE_ARGUMENTS(SingleConvolution)
KERNELET_DEFINE_ARGUMENTS(PanelConvolution)
KERNELET_DEFINE_ARGUMENTS(SinglePanelConvolution)
KERNELET_DEFINE_ARGUMENTS(SingleConvolutionBfloat16)
KERNELET_DEFINE_ARGUMENTS(DepthwiseGradient)
KERNELET_DEFINE_ARGUMENTS(CellsFilterGradient)
KERNELET_DEFINE_ARGUMENTS(SingleDense)
KERNELET_DEFINE_ARGUMENTS(SingleDenseProduct)
KERNELET_DEFINE_ARGUMENTS(BatchDense)
KERNELET_DEFINE_ARGUMENTS(Cells)
KERNELET_DEFINE_ARGUMENTS(SingleBinaryCrossEntropy)
KERNELET_DEFINE_ARGUMENTS(SingleBinaryAccuracy)
KERNELET_DEFINE_ARGUMENTS(PackSingle)
KERNELET_DEFINE_ARGUMENTS(UnpackSingle)
KERNELET_DEFINE_ARGUMENTS(PackAugmentedSingle)
KERNELET_DEFINE_ARGUMENTS(Reshape)
KERNELET_DEFINE_ARGUMENTS(SingleDropout)

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

// What fills the gap that a shift leaves; Python lists them in the same order (FILLS).
enum class ShiftFill : std::int64_t { constant, nearest, reflect };

}  // namespace kernelet
