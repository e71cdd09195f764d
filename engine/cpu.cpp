#include "kernelet/cpu.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "kernelet/errors.h"
#include "processor_detection.h"

namespace kernelet {
namespace {

constexpr std::array<std::pair<Isa, std::string_view>, 7> isa_names = {{
    {Isa::scalar, "scalar"},
    {Isa::neon, "neon"},
    {Isa::avx2, "avx2"},
    {Isa::avx512, "avx512"},
    {Isa::avx512_bf16, "avx512_bf16"},
    {Isa::amx, "amx"},
    {Isa::amx_emulated, "amx_emulated"},
}};

bool has_all(const Processor& candidate, std::initializer_list<std::string_view> features) {
    return std::all_of(features.begin(), features.end(),
                       [&](std::string_view feature) { return candidate.has(feature); });
}

#ifdef KERNELET_EMULATE_AVX512
constexpr bool emulates_avx512 = true;
#else
constexpr bool emulates_avx512 = false;
#endif

std::vector<Isa> usable_levels(const Processor& detected) {
    std::vector<Isa> levels = {Isa::scalar};
    if (has_all(detected, {"asimd"})) levels.push_back(Isa::neon);
    if (has_all(detected, {"avx2", "fma"})) {
        levels.push_back(Isa::avx2);
        if (emulates_avx512 || has_all(detected, {"avx512f", "avx512bw", "avx512dq", "avx512vl"})) {
            levels.push_back(Isa::avx512);
            if (emulates_avx512 || detected.has("avx512_bf16")) {
                levels.push_back(Isa::avx512_bf16);
                // Last, because asking for it changes the process where it is granted.
                if (has_all(detected, {"amx_tile", "amx_bf16"}) && detection::may_use_tiles()) {
                    levels.push_back(Isa::amx);
                }
            }
        }
    }
    return levels;
}

Processor detect() {
    Processor detected;
    detected.brand = detection::brand();
    detected.features = detection::features();
    detected.caches = detection::cache_sizes();
    detected.levels = usable_levels(detected);
    detected.slow_bfloat16_vectors = detection::slow_bfloat16_vectors();
    return detected;
}

std::string joined_names(const std::vector<Isa>& levels) {
    std::string names;
    for (Isa isa : levels) {
        if (!names.empty()) names += ", ";
        names += isa_name(isa);
    }
    return names;
}

[[noreturn]] void refuse(std::string_view name, std::string_view origin, bool known) {
    const std::string problem = known ? "' is an instruction set this processor does not have"
                                      : "' is not the name of an instruction set";
    throw ConfigurationError(std::string(origin) + ": '" + std::string(name) + problem +
                             ".\n  This processor has: " + joined_names(processor().levels) +
                             ".\n  Choose one of these, or leave " + std::string(origin) +
                             " out to use " + std::string(isa_name(processor().best())) + ".");
}

}  // namespace

bool Processor::supports(Isa isa) const {
    return std::find(levels.begin(), levels.end(), isa) != levels.end();
}

bool Processor::has(std::string_view feature) const {
    return std::find(features.begin(), features.end(), feature) != features.end();
}

Isa Processor::best() const {
    return levels.back() == Isa::avx512_bf16 && slow_bfloat16_vectors ? Isa::avx512 : levels.back();
}

const Processor& processor() {
    static const Processor detected = detect();
    return detected;
}

std::string_view isa_name(Isa isa) {
    return std::find_if(isa_names.begin(), isa_names.end(),
                        [&](const auto& entry) { return entry.first == isa; })
        ->second;
}

Isa isa_by_name(std::string_view name, std::string_view origin) {
    const auto entry = std::find_if(isa_names.begin(), isa_names.end(), [&](const auto& candidate) {
        return candidate.second == name;
    });
    if (entry == isa_names.end()) refuse(name, origin, false);
    const bool usable = entry->first == Isa::amx_emulated || processor().supports(entry->first);
    if (!usable) refuse(name, origin, true);
    return entry->first;
}

Isa resolve_isa() {
    const char* name = std::getenv("KERNELET_ISA");
    return name == nullptr || *name == '\0' ? processor().best()
                                            : isa_by_name(name, "KERNELET_ISA");
}

}  // namespace kernelet
