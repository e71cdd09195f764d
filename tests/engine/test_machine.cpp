// What holds of the rates of every machine: they exist, and are no more than a machine can do.
#include <stdexcept>
#include <string>

#include "check.h"
#include "kernelet/cpu.h"
#include "kernelet/machine.h"
#include "kernelet/machine_kernels.h"

namespace {

// More than any processor, less than a loop that the compiler left out.
constexpr double least = 1e5;
constexpr double most = 1e14;

bool possible(double rate) { return rate > least && rate < most; }

void every_instruction_set_multiplies_and_moves() {
    for (const kernelet::Isa isa : kernelet::processor().levels) {
        const std::string name(kernelet::isa_name(isa));
        for (const int threads : {1, 2}) {
            CHECK(possible(kernelet::multiply_add_rate(name, threads, 1)));
            const auto rates = kernelet::movement_rates(name, 5000, threads, 1);
            CHECK(possible(rates.read));
            CHECK(possible(rates.write));
            CHECK(possible(rates.copy));
        }
    }
    CHECK_THROWS(kernelet::multiply_add_rate("sse9", 1, 1), std::invalid_argument);
}

void loops_do_what_they_say() {
    constexpr std::int64_t size = 2 * kernelet::machine_step;
    alignas(64) float from[size];
    alignas(64) float to[size + 1] = {};
    for (const kernelet::Isa isa : kernelet::processor().levels) {
        const auto& kernels = kernelet::machine_kernels(kernelet::isa_name(isa));
        kernels.write(from, size, 0.5F);
        CHECK(kernels.read(from, size) == 0.5F * size);
        kernels.copy(from, to, size);
        CHECK(to[0] == 0.5F && to[size - 1] == 0.5F && to[size] == 0.0F);
    }
}

void bfloat16_multiplies_where_the_processor_can() {
    const double rate = kernelet::bfloat16_dot_rate(1, 1);
    const auto& processor = kernelet::processor();
    CHECK(processor.has("avx512_bf16") && processor.has("avx512f") ? possible(rate) : rate == 0);
}

void tiles_multiply_and_load_where_the_processor_can() {
    const double rate = kernelet::tile_rate(2, 1);
    const double seconds = kernelet::tile_load_seconds(1 << 15, 12, 4, 1);
    CHECK(rate == 0 || possible(rate));
    CHECK(rate == 0 ? seconds == 0 : possible(1 / seconds));
    CHECK(rate == 0 || kernelet::processor().has("amx_bf16"));
}

void threads_meet() {
    CHECK(kernelet::barrier_seconds(2, 1) > 0);
    CHECK(kernelet::region_seconds(2) > 0);
}

}  // namespace

int main() {
    every_instruction_set_multiplies_and_moves();
    loops_do_what_they_say();
    bfloat16_multiplies_where_the_processor_can();
    tiles_multiply_and_load_where_the_processor_can();
    threads_meet();
    return 0;
}
