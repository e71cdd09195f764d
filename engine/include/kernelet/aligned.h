// Memory that starts at a cache line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace kernelet {

inline constexpr std::size_t cache_line = 64;

struct AlignedDelete {
    void operator()(void* pointer) const {
        ::operator delete[](pointer, std::align_val_t{cache_line});
    }
};

template <class T>
using AlignedArray = std::unique_ptr<T[], AlignedDelete>;

// `count` numbers of no particular value; throws std::bad_alloc.
template <class T>
AlignedArray<T> aligned_array(std::int64_t count) {
    const std::size_t bytes =
        static_cast<std::size_t>(std::max<std::int64_t>(count, 1)) * sizeof(T);
    return AlignedArray<T>(static_cast<T*>(::operator new[](bytes, std::align_val_t{cache_line})));
}

}  // namespace kernelet
