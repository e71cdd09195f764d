#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kernelet {

/// Instruction sets that the kernels are compiled for, from the least to the
/// most capable of each architecture. The last one is amx with its matrix tiles
/// in plain C++: every processor runs it, slowly, when it is asked for by name.
enum class Isa { scalar, neon, avx2, avx512, avx512_bf16, amx, amx_emulated };

/// Sizes in bytes of the caches one core sees; 0 where the machine does not say.
struct CacheSizes {
    std::size_t l1d = 0;
    std::size_t l2 = 0;
    std::size_t l3 = 0;
};

/// The processor the program runs on, as the processor and the operating system
/// together allow it to be used.
struct Processor {
    /// Name the processor gives itself; empty where it gives none.
    std::string brand;
    /// Usable instruction sets in ascending order; never empty, scalar is first.
    std::vector<Isa> levels;
    CacheSizes caches;
    /// Usable extensions by their /proc/cpuinfo names, for example "avx512_bf16".
    std::vector<std::string> features;

    /// Whether AVX512-BF16 multiplies bfloat16 no faster than AVX-512 does float32.
    bool slow_bfloat16_vectors = false;

    /// The instruction set that networks run fastest by.
    Isa best() const;
    bool supports(Isa isa) const;
    bool has(std::string_view feature) const;
};

/// The processor, detected once at the first call.
const Processor& processor();

/// Name of an instruction set, as KERNELET_ISA spells it.
std::string_view isa_name(Isa isa);

/// The instruction set called `name`.
/// Throws ConfigurationError where there is none or the machine lacks it;
/// `origin` is what the message calls the place the name came from.
Isa isa_by_name(std::string_view name, std::string_view origin);

/// The instruction set to use: the one KERNELET_ISA names, else the best.
/// Throws ConfigurationError as isa_by_name does.
Isa resolve_isa();

}  // namespace kernelet
