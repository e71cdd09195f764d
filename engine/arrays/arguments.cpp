#include "arrays/arguments.h"

#include <algorithm>
#include <stdexcept>

namespace kernelet {
namespace {

void check_axis(std::int64_t signal, std::int64_t window, std::int64_t before,
                std::int64_t output) {
    // Far beyond any array, and far enough from overflow for sums of positions.
    constexpr std::int64_t limit = std::int64_t{1} << 48;
    if (std::min({signal, window, output}) < 1 || std::max({signal, window, output}) > limit) {
        throw std::invalid_argument("every axis must have 1 to 2^48 cells");
    }
    if (before < -limit || before > limit) {
        throw std::invalid_argument("the first window position is out of reach");
    }
}

}  // namespace

void check_arguments(const Correlation& p, int threads) {
    if (threads < 1) throw std::invalid_argument("an operator runs on at least one thread");
    if (p.batch < 1) throw std::invalid_argument("a batch has at least one entry");
    check_axis(p.signal.depth, p.window.depth, p.before.depth, p.output.depth);
    check_axis(p.signal.height, p.window.height, p.before.height, p.output.height);
    check_axis(p.signal.width, p.window.width, p.before.width, p.output.width);
}

}  // namespace kernelet
