// The times of what one thread does, one after the other, without gaps.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace kernelet {

// Each lap begins where the one before ended, so that all entries add up to the time since the
// stopwatch was made. Without entries it does nothing.
class Stopwatch {
  public:
    explicit Stopwatch(std::int64_t* entries) : entries_(entries) {
        if (entries_) last_ = Clock::now();
    }

    // Adds the nanoseconds since the last lap to an entry.
    void lap(std::size_t entry) {
        if (!entries_) return;
        const Clock::time_point now = Clock::now();
        entries_[entry] += std::chrono::nanoseconds(now - last_).count();
        last_ = now;
    }

  private:
    using Clock = std::chrono::steady_clock;

    std::int64_t* entries_;
    Clock::time_point last_{};
};

}  // namespace kernelet
