// All kernels, compiled for the instruction set of the including file, and their table.
#pragma once

#include "kernelet/array_kernels.h"
#include "kernelet/kernel.h"
#include "kernelet/kernel_list.h"
#include "kernels/activation.h"
#include "kernels/arithmetic.h"
#include "kernels/batch_dense.h"
#include "kernels/batch_dense_gradient.h"
#include "kernels/bfloat16/in_registers.h"
#include "kernels/bfloat16/sizes.h"
#include "kernels/convolution.h"
#include "kernels/dense.h"
#include "kernels/depthwise.h"
#include "kernels/depthwise_gradient.h"
#include "kernels/dropout.h"
#include "kernels/filter_gradient.h"
#include "kernels/filter_gradient_strips.h"
#include "kernels/filter_packing.h"
#include "kernels/fourier.h"
#include "kernels/indexed_pooling.h"
#include "kernels/losses.h"
#include "kernels/machine.h"
#include "kernels/metrics.h"
#include "kernels/normalization.h"
#include "kernels/pooling.h"
#include "kernels/pooling_gradient.h"
#include "kernels/reduction.h"
#include "kernels/samples.h"
#include "kernels/shape.h"
#include "kernels/single_cells.h"
#include "kernels/single_cells_filter_gradient.h"
#include "kernels/single_channels.h"
#include "kernels/single_convolution.h"
#include "kernels/single_dense.h"
#include "kernels/single_filters.h"
#include "kernels/single_gradients.h"
#include "kernels/single_losses.h"
#include "kernels/single_moves.h"
#include "kernels/single_values.h"
#include "kernels/sliding.h"
#include "kernels/softmax.h"
#include "kernels/updates.h"
#include "kernels/winograd.h"
#include "kernels/winograd_filter_gradient.h"
#include "kernels/winograd_filters.h"

namespace kernelet::KERNELET_ISA {

#define KERNELET_TABLE_ENTRY(name, Type, operands) &name,
extern const Kernel kernel_table[];
const Kernel kernel_table[] = {KERNELET_KERNELS(KERNELET_TABLE_ENTRY)};

#define KERNELET_SIZE_ENTRY(name, Type, operands) &size_of_##name,
extern const OperandSize bfloat16_sizes[];
const OperandSize bfloat16_sizes[] = {KERNELET_BFLOAT16_KERNELS(KERNELET_SIZE_ENTRY)};

extern const ArrayKernels array_kernel_table;
const ArrayKernels array_kernel_table = {
    sliding_kernels<float>,         sliding_kernels<double>,        sliding_kernels<std::uint8_t>,
    sliding_kernels<std::uint16_t>, sliding_kernels<std::uint32_t>, sliding_kernels<std::uint64_t>};

extern const FourierTable fourier_kernel_table;
const FourierTable fourier_kernel_table = {fourier_kernels<float>, fourier_kernels<double>};

extern const MachineKernels machine_kernel_table;
const MachineKernels machine_kernel_table = {machine_sums * Vector::width, machine_multiply_add,
                                             machine_read, machine_write, machine_copy};

}  // namespace kernelet::KERNELET_ISA
