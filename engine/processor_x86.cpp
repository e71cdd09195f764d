#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

#include <array>
#include <cstdint>
#include <cstring>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "processor_detection.h"

// Leaf, register and bit numbers: Intel 64 and IA-32 Architectures Software
// Developer's Manual, volume 2, CPUID; AMD64 Architecture Programmer's Manual,
// volume 3, appendix E.
namespace kernelet::detection {
namespace {

enum Register { eax, ebx, ecx, edx };
using Registers = std::array<unsigned, 4>;

/// Registers of a CPUID leaf, all zero where the processor lacks it.
Registers cpuid(unsigned leaf, unsigned subleaf = 0) {
    Registers r{};
    if (leaf <= static_cast<unsigned>(__get_cpuid_max(leaf & 0x80000000u, nullptr))) {
        __cpuid_count(leaf, subleaf, r[eax], r[ebx], r[ecx], r[edx]);
    }
    return r;
}

/// Register state the operating system saves on a context switch (XCR0); an
/// extension whose registers are not among it must not be used.
std::uint64_t saved_state() {
    constexpr unsigned osxsave = 1u << 27;
    if ((cpuid(1)[ecx] & osxsave) == 0) return 0;
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return std::uint64_t{high} << 32 | low;
}

constexpr std::uint64_t avx_state = 0x6;      // XMM, YMM
constexpr std::uint64_t avx512_state = 0xe6;  // and opmask, ZMM
constexpr std::uint64_t amx_state = 0x60000;  // tile configuration, tile data

struct Extension {
    const char* name;
    unsigned leaf;
    unsigned subleaf;
    Register reg;
    unsigned bit;
    std::uint64_t state;
};

// For AMX the bits say that the processor has it and the system can save it; a
// process must still ask Linux for permission before its first tile instruction.
constexpr Extension extensions[] = {
    {"sse4_2", 1, 0, ecx, 20, 0},
    {"avx", 1, 0, ecx, 28, avx_state},
    {"fma", 1, 0, ecx, 12, avx_state},
    {"f16c", 1, 0, ecx, 29, avx_state},
    {"avx2", 7, 0, ebx, 5, avx_state},
    {"avx512f", 7, 0, ebx, 16, avx512_state},
    {"avx512bw", 7, 0, ebx, 30, avx512_state},
    {"avx512dq", 7, 0, ebx, 17, avx512_state},
    {"avx512vl", 7, 0, ebx, 31, avx512_state},
    {"avx512_vnni", 7, 0, ecx, 11, avx512_state},
    {"avx512_bf16", 7, 1, eax, 5, avx512_state},
    {"avx512_fp16", 7, 0, edx, 23, avx512_state},
    {"amx_tile", 7, 0, edx, 24, amx_state},
    {"amx_bf16", 7, 0, edx, 22, amx_state},
    {"amx_int8", 7, 0, edx, 25, amx_state},
};

/// Adds what a deterministic-cache-parameters leaf says: 4 on Intel, 0x8000001d
/// on AMD, in one format.
CacheSizes cache_sizes_by_leaf(unsigned leaf) {
    constexpr unsigned instruction_cache = 2;
    CacheSizes sizes;
    for (unsigned index = 0; index < 16; ++index) {
        const Registers r = cpuid(leaf, index);
        const unsigned type = r[eax] & 0x1f;
        if (type == 0) break;
        if (type == instruction_cache) continue;
        const std::size_t ways = (r[ebx] >> 22) + 1;
        const std::size_t partitions = (r[ebx] >> 12 & 0x3ff) + 1;
        const std::size_t line = (r[ebx] & 0xfff) + 1;
        const std::size_t bytes = ways * partitions * line * (std::size_t{r[ecx]} + 1);
        switch (r[eax] >> 5 & 0x7) {
            case 1:
                sizes.l1d = bytes;
                break;
            case 2:
                sizes.l2 = bytes;
                break;
            case 3:
                sizes.l3 = bytes;
                break;
            default:
                break;
        }
    }
    return sizes;
}

}  // namespace

std::string brand() {
    char text[49] = {};
    for (unsigned part = 0; part < 3; ++part) {
        const Registers r = cpuid(0x80000002u + part);
        std::memcpy(text + 16 * part, r.data(), 16);
    }
    const std::string padded = text;
    const std::size_t first = padded.find_first_not_of(' ');
    if (first == std::string::npos) return "";
    return padded.substr(first, padded.find_last_not_of(' ') - first + 1);
}

std::vector<std::string> features() {
    const std::uint64_t saved = saved_state();
    std::vector<std::string> usable;
    for (const Extension& extension : extensions) {
        const unsigned bits = cpuid(extension.leaf, extension.subleaf)[extension.reg];
        const bool present = (bits >> extension.bit & 1) != 0;
        if (present && (saved & extension.state) == extension.state) {
            usable.emplace_back(extension.name);
        }
    }
    return usable;
}

// Measured on Emerald Rapids: VDPBF16PS of 64 bytes begins every second cycle, VFMADD twice in
// each, that bfloat16 has half of float32's products and a step of LeNet-5 takes 1.65 times as
// long. On Zen 4 both begin at the same rate. Intel's other one with it, Cooper Lake, was not
// measured.
bool slow_bfloat16_vectors() {
    constexpr unsigned cooper_lake = 0x55;
    const Registers vendor = cpuid(0);
    const bool intel = vendor[ebx] == 0x756e6547 && vendor[edx] == 0x49656e69;  // "Genu", "ineI"
    const unsigned version = cpuid(1)[eax];
    const unsigned model = (version >> 4 & 0xf) | (version >> 12 & 0xf0);
    return intel && model != cooper_lake;
}

bool may_use_tiles() {
#if defined(__linux__) && defined(__x86_64__)
    // Linux gives a process the 8 KiB of tile data only when it asks (arch_prctl(2)).
    constexpr long request_permission = 0x1023;
    constexpr long tile_data = 18;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
    return false;
#endif
}

CacheSizes cache_sizes() {
    for (unsigned leaf : {4u, 0x8000001du}) {
        const CacheSizes sizes = cache_sizes_by_leaf(leaf);
        if (sizes.l1d != 0) return sizes;
    }
    return cache_sizes_by_system();
}

}  // namespace kernelet::detection

#endif
