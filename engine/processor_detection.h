#pragma once

#include <string>
#include <vector>

#include "kernelet/cpu.h"

/// What architecture and operating system say about the processor: brand,
/// features, slow_bfloat16_vectors, may_use_tiles and cache_sizes are defined by processor_x86.cpp
/// or processor_arm.cpp, cache_sizes_by_system by processor_caches.cpp.
namespace kernelet::detection {

std::string brand();
std::vector<std::string> features();

/// Whether a vector of products of bfloat16 takes as long as several of float32.
bool slow_bfloat16_vectors();

CacheSizes cache_sizes();

/// Asks the operating system for the state that matrix tiles need; whether this
/// process and its children may use them from now on.
bool may_use_tiles();

/// Cache sizes by Linux' /sys or macOS' sysctl; 0 where they do not say.
CacheSizes cache_sizes_by_system();

}  // namespace kernelet::detection
