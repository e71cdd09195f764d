// The kernels, each with its arguments and its number of operands: the one list that the tables of
// the instruction sets, the binding's checks and Python's plans agree on.
//
// KERNELET_KERNELS lists KERNEL(name, Type, operands): kernel <name> takes a <Type>Arguments; for a
// kernel of any number of operands, Call says how many there are.
#pragma once

#include <cstdint>

#include "kernelet/kernel_arguments.h"

namespace kernelet {

inline constexpr std::int64_t any_number = 0;

// Those that some processors have instructions of their own for.
#define KERNELET_BFLOAT16_KERNELS(KERNEL)                                   \
    KERNEL(pack_filters_bfloat16, PackFiltersBfloat16, 2)                   \
    KERNEL(pack_cells_bfloat16, PackCellsBfloat16, 2)                       \
    KERNEL(convolution_bfloat16, ConvolutionBfloat16, 9)                    \
    KERNEL(convolution_filter_gradient_bfloat16, FilterGradientBfloat16, 6) \
    KERNEL(pack_inputs_bfloat16, Size, 2)                                   \
    KERNEL(dense_bfloat16, DenseBfloat16, 6)                                \
    KERNEL(outer_product_sum_bfloat16, OuterProductBfloat16, 4)             \
    KERNEL(pack_filters_single_bfloat16, PackFiltersBfloat16, 2)            \
    KERNEL(convolution_single_bfloat16, SingleConvolutionBfloat16, 6)       \
    KERNEL(dense_single_bfloat16, SingleDense, 6)

#define KERNELET_KERNELS(KERNEL)                                              \
    KERNEL(pack_samples, PackSamples, 4)                                      \
    KERNEL(unpack_samples, UnpackSamples, 1)                                  \
    KERNEL(activate, Activation, 2)                                           \
    KERNEL(activate_gradient, Activation, 3)                                  \
    KERNEL(softmax, Channels, 2)                                              \
    KERNEL(softmax_gradient, Channels, 3)                                     \
    KERNEL(max_pool, Pooling, 2)                                              \
    KERNEL(max_pool_gradient, MaxPoolGradient, 4)                             \
    KERNEL(max_unpool, MaxUnpool, 3)                                          \
    KERNEL(average_pool, Pooling, 2)                                          \
    KERNEL(average_pool_gradient, Pooling, 2)                                 \
    KERNEL(add, Activation, 3)                                                \
    KERNEL(add_shared, Size, 3)                                               \
    KERNEL(rescale, Channels, 4)                                              \
    KERNEL(bias_add, Channels, 3)                                             \
    KERNEL(channel_sum, Channels, 2)                                          \
    KERNEL(concatenate, Channels, any_number)                                 \
    KERNEL(channel_slice, ChannelSlice, 2)                                    \
    KERNEL(dropout, Dropout, 2)                                               \
    KERNEL(pack_filters, PackFilters, 2)                                      \
    KERNEL(convolution, Convolution, 5)                                       \
    KERNEL(convolution_input_gradient, Convolution, 5)                        \
    KERNEL(convolution_filter_gradient, Convolution, 3)                       \
    KERNEL(convolution_filter_gradient_strips, FilterGradientStrips, 4)       \
    KERNEL(convolution_filter_gradient_single, SingleFilterGradient, 4)       \
    KERNEL(depthwise, Convolution, 5)                                         \
    KERNEL(depthwise_input_gradient, Convolution, 5)                          \
    KERNEL(depthwise_filter_gradient, Convolution, 4)                         \
    KERNEL(pack_filters_winograd, WinogradFilters, 2)                         \
    KERNEL(winograd_convolution, Winograd, 6)                                 \
    KERNEL(winograd_filter_gradient, Winograd, 4)                             \
    KERNEL(winograd_single, SingleWinograd, 6)                                \
    KERNEL(winograd_filter_gradient_single, SingleWinogradGradient, 4)        \
    KERNEL(dense, DenseProduct, 5)                                            \
    KERNEL(outer_product_sum, Dense, 4)                                       \
    KERNEL(outer_product_sum_batch, Dense, 4)                                 \
    KERNEL(outer_product_single, SingleDense, 3)                              \
    KERNEL(outer_product_single_batch, SingleDense, 4)                        \
    KERNEL(sum_partials, None, 2)                                             \
    KERNEL(batch_mean, None, 3)                                               \
    KERNEL(sample_share, None, 2)                                             \
    KERNEL(require_finite, None, 2)                                           \
    KERNEL(channel_mean, Channels, 2)                                         \
    KERNEL(channel_variance, Channels, 3)                                     \
    KERNEL(normalized_product_sum, Normalization, 5)                          \
    KERNEL(normalize, Normalize, 6)                                           \
    KERNEL(normalization_factors, NormalizationFactors, 7)                    \
    KERNEL(normalize_gradient, Normalization, 8)                              \
    KERNEL(normalize_fixed_gradient, Normalization, 4)                        \
    KERNEL(moving_average, Average, 3)                                        \
    KERNEL(one_hot, Size, 2)                                                  \
    KERNEL(softmax_cross_entropy, Size, 3)                                    \
    KERNEL(softmax_cross_entropy_gradient, Size, 4)                           \
    KERNEL(categorical_cross_entropy, Size, 3)                                \
    KERNEL(categorical_cross_entropy_gradient, Size, 4)                       \
    KERNEL(binary_cross_entropy, BinaryCrossEntropy, 3)                       \
    KERNEL(binary_cross_entropy_gradient, BinaryCrossEntropy, 4)              \
    KERNEL(squared_error, Size, 3)                                            \
    KERNEL(squared_error_gradient, Size, 4)                                   \
    KERNEL(top_k_accuracy, TopK, 3)                                           \
    KERNEL(binary_accuracy, BinaryAccuracy, 3)                                \
    KERNEL(absolute_error, Size, 3)                                           \
    KERNEL(pack_single, PackSingle, 3)                                        \
    KERNEL(pack_augmented_single, PackAugmentedSingle, 4)                     \
    KERNEL(unpack_single, UnpackSingle, 1)                                    \
    KERNEL(reshape_single, Reshape, 2)                                        \
    KERNEL(pack_filters_single, PackFiltersSingle, 2)                         \
    KERNEL(convolution_single, SinglePanelConvolution, 6)                     \
    KERNEL(convolution_input_gradient_single, SinglePanelConvolution, 6)      \
    KERNEL(convolution_single_cells, SingleConvolution, 6)                    \
    KERNEL(convolution_input_gradient_single_cells, SingleConvolution, 6)     \
    KERNEL(convolution_filter_gradient_single_cells, CellsFilterGradient, 4)  \
    KERNEL(depthwise_single, SingleConvolution, 5)                            \
    KERNEL(depthwise_input_gradient_single, SingleConvolution, 5)             \
    KERNEL(depthwise_filter_gradient_single, DepthwiseGradient, 3)            \
    KERNEL(max_pool_single, SinglePooling, 2)                                 \
    KERNEL(average_pool_single, SinglePooling, 2)                             \
    KERNEL(dense_single, SingleDenseProduct, 5)                               \
    KERNEL(dense_single_batch, BatchDense, 6)                                 \
    KERNEL(dense_input_gradient_single, SingleDense, 3)                       \
    KERNEL(dense_input_gradient_single_batch, SingleDense, 4)                 \
    KERNEL(rescale_single, Channels, 4)                                       \
    KERNEL(bias_add_single, Channels, 3)                                      \
    KERNEL(normalize_single, Normalize, 6)                                    \
    KERNEL(softmax_single, Channels, 2)                                       \
    KERNEL(softmax_gradient_single, Channels, 3)                              \
    KERNEL(concatenate_single, Channels, any_number)                          \
    KERNEL(channel_slice_single, ChannelSlice, 2)                             \
    KERNEL(dropout_single, SingleDropout, 3)                                  \
    KERNEL(channel_sum_single, Cells, 2)                                      \
    KERNEL(channel_mean_single, Channels, 2)                                  \
    KERNEL(channel_variance_single, Channels, 3)                              \
    KERNEL(normalized_product_sum_single, Normalization, 5)                   \
    KERNEL(normalize_gradient_single, Normalization, 8)                       \
    KERNEL(normalize_fixed_gradient_single, Normalization, 4)                 \
    KERNEL(binary_cross_entropy_single, SingleBinaryCrossEntropy, 3)          \
    KERNEL(binary_cross_entropy_gradient_single, SingleBinaryCrossEntropy, 4) \
    KERNEL(squared_error_single, Cells, 3)                                    \
    KERNEL(squared_error_gradient_single, Cells, 4)                           \
    KERNEL(absolute_error_single, Cells, 3)                                   \
    KERNEL(binary_accuracy_single, SingleBinaryAccuracy, 3)                   \
    KERNEL(sgd_update, SGD, 3)                                                \
    KERNEL(momentum_update, SGD, 5)                                           \
    KERNEL(adam_update, Adam, 7)                                              \
    KERNEL(global_norm, None, any_number)                                     \
    KERNEL(square_sums, Squares, 2)                                           \
    KERNEL(clip_by_norm, Limit, 3)                                            \
    KERNEL(clip_by_value, Limit, 2)                                           \
    KERNELET_BFLOAT16_KERNELS(KERNEL)

// How many outputs, inputs, filters or channels a piece of such a kernel's work has: multiples of
// those that any instruction set takes together.
#define KERNELET_PIECES(PIECE)                      \
    PIECE(convolution, 32)                          \
    PIECE(dense, 48)                                \
    PIECE(convolution_single_bfloat16, 32)          \
    PIECE(dense_bfloat16, 32)                       \
    PIECE(dense_single_bfloat16, 16)                \
    PIECE(pack_filters, 48)                         \
    PIECE(pack_filters_bfloat16, 32)                \
    PIECE(outer_product_sum, 48)                    \
    PIECE(outer_product_sum_bfloat16, 32)           \
    PIECE(convolution_filter_gradient, 16)          \
    PIECE(convolution_filter_gradient_strips, 32)   \
    PIECE(convolution_filter_gradient_bfloat16, 16) \
    PIECE(depthwise_filter_gradient, 16)            \
    PIECE(channel_sum, 8)                           \
    PIECE(winograd_filter_gradient, 12)

#define KERNELET_DEFINE_PIECE(name, size) inline constexpr std::int64_t name##_piece = size;
KERNELET_PIECES(KERNELET_DEFINE_PIECE)

}  // namespace kernelet
