// Memory that faults when read or written one byte too far.
#pragma once

#include <sys/mman.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// QEMU 7.2 raises a fault for the masked-off lanes of vmaskmovps, which a processor never touches.
inline bool masked_loads_fault() {
#if defined(__x86_64__)
    std::array<unsigned, 4> registers{};
    __cpuid(0x40000000, registers[0], registers[1], registers[2], registers[3]);
    return std::memcmp(&registers[1], "TCGTCGTCGTCG", 12) == 0;
#else
    return false;
#endif
}

// A page that may be read and written, followed by one that may not be touched.
class GuardedPage {
  public:
    GuardedPage() : size_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
        void* const pages =
            mmap(nullptr, 2 * size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
        if (pages == MAP_FAILED) {
            std::perror("mmap");
            std::exit(1);
        }
        base_ = static_cast<std::uint8_t*>(pages);
        if (!masked_loads_fault()) {
            mprotect(base_ + size_, size_, PROT_NONE);
        }
    }
    ~GuardedPage() { munmap(base_, 2 * size_); }
    GuardedPage(const GuardedPage&) = delete;
    GuardedPage& operator=(const GuardedPage&) = delete;

    // The last count elements before the guard.
    template <typename T>
    T* last(int count) const {
        return reinterpret_cast<T*>(base_ + size_) - count;
    }

  private:
    std::size_t size_;
    std::uint8_t* base_;
};
