// What the last run of a plan found in the parameters that phases to run once depend on.
#pragma once

#include <cstdint>
#include <vector>

namespace kernelet {

// Floats of the parameters.
struct Range {
    std::int64_t offset;
    std::int64_t size;
};

class SeenParameters {
  public:
    SeenParameters() = default;
    explicit SeenParameters(std::vector<Range> ranges);

    std::int64_t floats() const { return floats_; }

    // Whether there was a run.
    bool known() const { return known_; }

    // Whether a thread's share of the parameters differs from what was remembered. Bytes are
    // compared: whoever holds a view of the weights may have written through it.
    bool differ(const float* parameters, int thread, int threads) const;

    // Remembers a thread's share.
    void remember(const float* parameters, int thread, int threads);

    // Comes before threads remember their shares.
    void expect() {
        seen_.resize(static_cast<std::size_t>(floats_));
        known_ = true;
    }

  private:
    // Calls `function(offset, place, count)` for the pieces of a thread's share, which lie `offset`
    // floats behind the first parameter and are remembered from `place` on, until one returns
    // false; returns whether none did.
    template <class Function>
    bool for_pieces(int thread, int threads, const Function& function) const;

    std::vector<Range> ranges_;
    std::int64_t floats_ = 0;
    std::vector<float> seen_;
    bool known_ = false;
};

}  // namespace kernelet
