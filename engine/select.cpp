#include "kernelet/select.h"

#include <stdexcept>

#include "kernelet/array_kernels.h"
#include "kernelet/fourier.h"
#include "kernelet/kernel_list.h"
#include "kernelet/machine_kernels.h"

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

namespace kernelet {

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
#define KERNELET_FIND_TABLE(level)            \
    if (isa == #level) {                      \
        return kernelet::level::kernel_table; \
    }
    KERNELET_TABLES(KERNELET_FIND_TABLE)
    throw std::invalid_argument("no kernels for instruction set " + std::string(isa));
}

const ArrayKernels& array_kernels(std::string_view isa) {
#define KERNELET_FIND_ARRAY_TABLE(level)            \
    if (isa == #level) {                            \
        return kernelet::level::array_kernel_table; \
    }
    KERNELET_TABLES(KERNELET_FIND_ARRAY_TABLE)
    throw std::invalid_argument("no kernels for instruction set " + std::string(isa));
}

const FourierTable& fourier_table(std::string_view isa) {
#define KERNELET_FIND_FOURIER_TABLE(level)            \
    if (isa == #level) {                              \
        return kernelet::level::fourier_kernel_table; \
    }
    KERNELET_TABLES(KERNELET_FIND_FOURIER_TABLE)
    throw std::invalid_argument("no kernels for instruction set " + std::string(isa));
}

const MachineKernels& machine_kernels(std::string_view isa) {
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
