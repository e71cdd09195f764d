#include <cctype>
#include <cstdint>
#include <string>

#include "processor_detection.h"
#include "system_files.h"

#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace kernelet::detection {

#if defined(__APPLE__)

namespace {

std::size_t system_size(const char* name) {
    std::int64_t value = 0;
    std::size_t bytes = sizeof value;
    const bool known = sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 && value > 0;
    return known ? static_cast<std::size_t>(value) : 0;
}

}  // namespace

CacheSizes cache_sizes_by_system() {
    return {system_size("hw.l1dcachesize"), system_size("hw.l2cachesize"),
            system_size("hw.l3cachesize")};
}

#else

namespace {

/// Bytes of a size such as "32K" or "1M"; 0 where the text is not one.
std::size_t parse_size(const std::string& text) {
    std::size_t position = 0;
    std::size_t value = 0;
    for (; position < text.size(); ++position) {
        const auto letter = static_cast<unsigned char>(text[position]);
        if (std::isdigit(letter) == 0) break;
        value = value * 10 + static_cast<std::size_t>(letter - '0');
    }
    const char unit = position < text.size() ? text[position] : ' ';
    return unit == 'K' ? value << 10 : unit == 'M' ? value << 20 : value;
}

}  // namespace

CacheSizes cache_sizes_by_system() {
    constexpr int most_caches = 16;
    CacheSizes sizes;
    for (int index = 0; index < most_caches; ++index) {
        const std::string folder =
            "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
        const std::string level = first_line(folder + "level");
        if (level.empty()) break;
        if (first_line(folder + "type") == "Instruction") continue;
        const std::size_t bytes = parse_size(first_line(folder + "size"));
        if (level == "1") sizes.l1d = bytes;
        if (level == "2") sizes.l2 = bytes;
        if (level == "3") sizes.l3 = bytes;
    }
    return sizes;
}

#endif

}  // namespace kernelet::detection
