// What holds of every processor; the values of this one are its own.
#include <algorithm>
#include <cstdlib>

#include "check.h"
#include "kernelet/cpu.h"
#include "kernelet/cpu_limits.h"
#include "kernelet/errors.h"

namespace {

using kernelet::Isa;

void levels_ascend_from_scalar() {
    const auto& levels = kernelet::processor().levels;
    CHECK(levels.front() == Isa::scalar);
    CHECK(std::is_sorted(levels.begin(), levels.end()));
    CHECK(kernelet::processor().supports(kernelet::processor().best()));
}

void slow_vectors_of_bfloat16_are_left_out() {
    kernelet::Processor processor;
    processor.levels = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512_bf16};
    CHECK(processor.best() == Isa::avx512_bf16);
    processor.slow_bfloat16_vectors = true;
    CHECK(processor.best() == Isa::avx512);
    processor.levels.push_back(Isa::amx);
    CHECK(processor.best() == Isa::amx);
}

void levels_belong_to_the_architecture() {
    const auto& processor = kernelet::processor();
#if defined(__aarch64__)
    CHECK(processor.supports(Isa::neon));
#else
    CHECK(!processor.supports(Isa::neon));
#endif
    CHECK(!processor.supports(Isa::avx512) || processor.supports(Isa::avx2));
    CHECK(!processor.supports(Isa::avx2) || processor.has("fma"));
}

#if defined(__x86_64__)
// The compiler's run-time support reads the processor by code of its own.
void levels_agree_with_the_compiler() {
    const auto& processor = kernelet::processor();
    CHECK(processor.supports(Isa::avx2) ==
          (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")));
    CHECK(processor.has("avx512f") == (__builtin_cpu_supports("avx512f") != 0));
    CHECK(processor.has("avx512_bf16") == (__builtin_cpu_supports("avx512bf16") != 0));
}
#endif

void every_supported_level_resolves_by_name() {
    for (Isa isa : kernelet::processor().levels) {
        CHECK(kernelet::isa_by_name(kernelet::isa_name(isa), "test") == isa);
    }
}

void environment_decides() {
    setenv("KERNELET_ISA", "scalar", 1);
    CHECK(kernelet::resolve_isa() == Isa::scalar);
    setenv("KERNELET_ISA", "mmx", 1);
    CHECK_THROWS(kernelet::resolve_isa(), kernelet::ConfigurationError);
    setenv("KERNELET_ISA", "", 1);
    CHECK(kernelet::resolve_isa() == kernelet::processor().best());
    setenv("KERNELET_THREADS", "3", 1);
    CHECK(kernelet::usable_threads() == 3);
    unsetenv("KERNELET_THREADS");
    CHECK(kernelet::usable_threads() == kernelet::available_cpus());
}

void limits_leave_at_least_one_thread() {
    CHECK(kernelet::available_cpus() >= 1);
    CHECK(kernelet::available_cpus() <= kernelet::affinity_limit());
}

}  // namespace

int main() {
    levels_ascend_from_scalar();
    slow_vectors_of_bfloat16_are_left_out();
    levels_belong_to_the_architecture();
#if defined(__x86_64__)
    levels_agree_with_the_compiler();
#endif
    every_supported_level_resolves_by_name();
    environment_decides();
    limits_leave_at_least_one_thread();
}
