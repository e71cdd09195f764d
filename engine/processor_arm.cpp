#if !defined(__x86_64__) && !defined(__i386__)

#include <string>
#include <vector>

#include "processor_detection.h"

#if defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__linux__) && defined(__aarch64__)
#include <sys/auxv.h>

#include "system_files.h"
#endif

namespace kernelet::detection {

CacheSizes cache_sizes() { return cache_sizes_by_system(); }

#if defined(__APPLE__)

std::string brand() {
    char text[256] = {};
    std::size_t bytes = sizeof text - 1;
    sysctlbyname("machdep.cpu.brand_string", text, &bytes, nullptr, 0);
    return text;
}

// Every 64-bit ARM processor of Apple has it.
std::vector<std::string> features() { return {"asimd"}; }

#elif defined(__linux__) && defined(__aarch64__)

std::string brand() {
    // The device tree's strings end in a zero byte.
    return first_line("/sys/firmware/devicetree/base/model").c_str();
}

std::vector<std::string> features() {
    struct Extension {
        const char* name;
        unsigned long source;
        unsigned bit;
    };
    // Bit numbers: Linux, arch/arm64/include/uapi/asm/hwcap.h.
    constexpr Extension extensions[] = {
        {"asimd", AT_HWCAP, 1}, {"asimdhp", AT_HWCAP, 10}, {"asimddp", AT_HWCAP, 20},
        {"sve", AT_HWCAP, 22},  {"i8mm", AT_HWCAP2, 13},   {"bf16", AT_HWCAP2, 14},
    };
    std::vector<std::string> usable;
    for (const Extension& extension : extensions) {
        if ((getauxval(extension.source) >> extension.bit & 1) != 0) {
            usable.emplace_back(extension.name);
        }
    }
    return usable;
}

#else

std::string brand() { return ""; }

std::vector<std::string> features() { return {}; }

#endif

bool slow_bfloat16_vectors() { return false; }

bool may_use_tiles() { return false; }

}  // namespace kernelet::detection

#endif
