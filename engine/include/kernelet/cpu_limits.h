#pragma once

#include <optional>
#include <string>

namespace kernelet {

/// Processors that the scheduling affinity of the calling thread allows.
int affinity_limit();

/// Processors, possibly a fraction, that the control groups of this process
/// allow by their CPU bandwidth quota, versions 1 and 2; the smallest of the
/// process' own group and those above it. Nothing where no group sets one.
/// `root` is the folder that stands for "/".
std::optional<double> cgroup_limit(const std::string& root = "/");

/// Threads that can run at once: the smaller of affinity and quota, the quota
/// rounded down because a thread beyond it would only be throttled; at least 1.
/// A change of the quota is noticed within a second.
int available_cpus();

/// Threads to use: KERNELET_THREADS where it is set, else available_cpus().
/// Throws ConfigurationError where KERNELET_THREADS is not a whole number from 1
/// to max_threads.
int usable_threads();

inline constexpr int max_threads = 1024;

}  // namespace kernelet
