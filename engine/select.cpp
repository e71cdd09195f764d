#include "kernelet/select.h"

#include <algorithm>
#include <stdexcept>

#include "kernelet/array_kernels.h"
#include "kernelet/fourier.h"
#include "kernelet/kernel_list.h"
#include "kernelet/machine_kernels.h"

// FAMILY(name, base): bfloat16 kernels by special instructions, beside all other kernels of `base`.
#if defined(__x86_64__)
#define KERNELET_FAMILIES(FAMILY) \
    FAMILY(avx512_bf16, avx512) FAMILY(amx, avx512) FAMILY(amx_emulated, scalar)
#else
#define KERNELET_FAMILIES(FAMILY) FAMILY(amx_emulated, scalar)
#endif

#if defined(__x86_64__)
#define KERNELET_TABLES(TABLE) TABLE(scalar) TABLE(avx2) TABLE(avx512)
#elif defined(__aarch64__)
#define KERNELET_TABLES(TABLE) TABLE(scalar) TABLE(neon)
#else
#define KERNELET_TABLES(TABLE) TABLE(scalar)
#endif

#define KERNELET_DECLARE_TABLE(isa)                   \
    namespace kernelet::isa {                         \
    extern const Kernel kernel_table[];               \
    extern const ArrayKernels array_kernel_table;     \
    extern const FourierTable fourier_kernel_table;   \
    extern const MachineKernels machine_kernel_table; \
    }
KERNELET_TABLES(KERNELET_DECLARE_TABLE)

namespace kernelet::scalar {
extern const OperandSize bfloat16_sizes[];
}

#define KERNELET_DECLARE_FAMILY(family, base) \
    namespace kernelet::family {              \
    extern const Kernel bfloat16_table[];     \
    }
KERNELET_FAMILIES(KERNELET_DECLARE_FAMILY)

namespace kernelet {
namespace {

#define KERNELET_COUNT(name, Type, operands) +1
constexpr std::size_t kernel_count = 0 KERNELET_KERNELS(KERNELET_COUNT);
constexpr std::size_t bfloat16_count = 0 KERNELET_BFLOAT16_KERNELS(KERNELET_COUNT);

// The kernels of a base, the last of them replaced by those of a family.
std::vector<Kernel> with_family(const Kernel* base, const Kernel* family) {
    std::vector<Kernel> table(base, base + kernel_count);
    std::copy(family, family + bfloat16_count, table.end() - bfloat16_count);
    return table;
}

}  // namespace

const std::vector<KernelDescription>& kernel_descriptions() {
#define KERNELET_DESCRIBE_INTEGER(name) {#name, false},
#define KERNELET_DESCRIBE_REAL(name) {#name, true},
#define KERNELET_DESCRIBE_KERNEL(name, Type, operands) \
    {#name, operands, {ARGUMENTS_##Type(KERNELET_DESCRIBE_INTEGER, KERNELET_DESCRIBE_REAL)}},
    static const std::vector<KernelDescription> descriptions{
        KERNELET_KERNELS(KERNELET_DESCRIBE_KERNEL)};
    return descriptions;
}

std::size_t kernel_index(std::string_view name) {
    const auto& descriptions = kernel_descriptions();
    for (std::size_t index = 0; index < descriptions.size(); ++index) {
        if (descriptions[index].name == name) {
            return index;
        }
    }
    throw std::invalid_argument("unknown kernel " + std::string(name));
}

const Kernel* kernel_table(std::string_view isa) {
#define KERNELET_FIND_FAMILY(family, base)                                                 \
    if (isa == #family) {                                                                  \
        static const auto table = with_family(base::kernel_table, family::bfloat16_table); \
        return table.data();                                                               \
    }
    KERNELET_FAMILIES(KERNELET_FIND_FAMILY)
#define KERNELET_FIND_TABLE(level)            \
    if (isa == #level) {                      \
        return kernelet::level::kernel_table; \
    }
    KERNELET_TABLES(KERNELET_FIND_TABLE)
    throw std::invalid_argument("no kernels for instruction set " + std::string(isa));
}

std::string_view base_isa(std::string_view isa) {
#define KERNELET_FIND_BASE(family, base) \
    if (isa == #family) {                \
        return #base;                    \
    }
    KERNELET_FAMILIES(KERNELET_FIND_BASE)
    return isa;
}

OperandSize bfloat16_size(std::string_view kernel) {
    const std::size_t first = kernel_count - bfloat16_count;
    const std::size_t index = kernel_index(kernel);
    if (index < first) {
        throw std::invalid_argument(std::string(kernel) + " is no bfloat16 kernel");
    }
    return scalar::bfloat16_sizes[index - first];
}

const ArrayKernels& array_kernels(std::string_view name) {
    const std::string_view isa = base_isa(name);
#define KERNELET_FIND_ARRAY_TABLE(level)            \
    if (isa == #level) {                            \
        return kernelet::level::array_kernel_table; \
    }
    KERNELET_TABLES(KERNELET_FIND_ARRAY_TABLE)
    throw std::invalid_argument("no kernels for instruction set " + std::string(isa));
}

const FourierTable& fourier_table(std::string_view name) {
    const std::string_view isa = base_isa(name);
#define KERNELET_FIND_FOURIER_TABLE(level)            \
    if (isa == #level) {                              \
        return kernelet::level::fourier_kernel_table; \
    }
    KERNELET_TABLES(KERNELET_FIND_FOURIER_TABLE)
    throw std::invalid_argument("no kernels for instruction set " + std::string(isa));
}

const MachineKernels& machine_kernels(std::string_view name) {
    const std::string_view isa = base_isa(name);
#define KERNELET_FIND_MACHINE_TABLE(level)            \
    if (isa == #level) {                              \
        return kernelet::level::machine_kernel_table; \
    }
    KERNELET_TABLES(KERNELET_FIND_MACHINE_TABLE)
    throw std::invalid_argument("no kernels for instruction set " + std::string(isa));
}

std::vector<std::string> activation_names() {
#define KERNELET_NAME(name) #name,
    return {KERNELET_ACTIVATIONS(KERNELET_NAME)};
}

}  // namespace kernelet
