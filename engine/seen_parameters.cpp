#include "kernelet/seen_parameters.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace kernelet {

namespace {

std::size_t bytes(std::int64_t floats) { return static_cast<std::size_t>(floats) * sizeof(float); }

}  // namespace

SeenParameters::SeenParameters(std::vector<Range> ranges) : ranges_(std::move(ranges)) {
    for (const Range& range : ranges_) floats_ += range.size;
}

template <class Function>
bool SeenParameters::for_pieces(int thread, int threads, const Function& function) const {
    const std::int64_t begin = floats_ * thread / threads;
    const std::int64_t end = floats_ * (thread + 1) / threads;
    std::int64_t before = 0;
    for (const Range& range : ranges_) {
        const std::int64_t first = std::max(begin, before);
        const std::int64_t last = std::min(end, before + range.size);
        if (first < last && !function(range.offset + first - before, first, last - first)) {
            return false;
        }
        before += range.size;
    }
    return true;
}

bool SeenParameters::differ(const float* parameters, int thread, int threads) const {
    return !known_ ||
           !for_pieces(
               thread, threads, [&](std::int64_t offset, std::int64_t place, std::int64_t count) {
                   return std::memcmp(parameters + offset, seen_.data() + place, bytes(count)) == 0;
               });
}

void SeenParameters::remember(const float* parameters, int thread, int threads) {
    for_pieces(thread, threads, [&](std::int64_t offset, std::int64_t place, std::int64_t count) {
        std::memcpy(seen_.data() + place, parameters + offset, bytes(count));
        return true;
    });
}

}  // namespace kernelet
