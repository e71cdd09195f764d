// Threads that share the work of one function.
#pragma once

#include <cstdint>

#include "kernelet/threads.h"

namespace kernelet {

struct Range {
    std::int64_t begin;
    std::int64_t end;
};

struct Team {
    int index = 0;
    int count = 1;
    Barrier* barrier = nullptr;  // not needed by one thread alone

    void wait() const {
        if (count > 1) barrier->wait();
    }

    // This thread's part of the numbers from 0 to `size`.
    Range share(std::int64_t size) const {
        return {size * index / count, size * (index + 1) / count};
    }
};

}  // namespace kernelet
