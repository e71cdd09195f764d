#include "kernelet/aligned.h"

#include <cstdlib>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace kernelet {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;

}  // namespace

void* allocate_aligned(std::size_t bytes) {
    const std::size_t boundary = bytes < huge_page ? cache_line : huge_page;
    const std::size_t whole = (bytes + boundary - 1) / boundary * boundary;
    void* pointer = whole < bytes ? nullptr : std::aligned_alloc(boundary, whole);
    if (pointer == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    // A wish: where the system refuses it, pages are small.
    if (boundary == huge_page) static_cast<void>(madvise(pointer, whole, MADV_HUGEPAGE));
#endif
    return pointer;
}

void AlignedDelete::operator()(void* pointer) const { std::free(pointer); }

}  // namespace kernelet
