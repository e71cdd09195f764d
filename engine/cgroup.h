#pragma once

#include <optional>
#include <string>
#include <vector>

/// Linux control groups: cgroups(7), and proc_pid_mountinfo(5) for where their
/// file systems are mounted.
namespace kernelet::cgroup {

enum class Version { v1, v2 };

/// One group, by the folder that holds its files.
struct Group {
    Version version;
    std::string folder;
};

/// The groups of this process that may limit its processor time: its own and
/// all above it, in each mounted hierarchy with a cpu controller. `root` stands
/// for "/"; empty where the system has no control groups.
std::vector<Group> groups_with_cpu_controller(const std::string& root);

/// Processors that one group's quota allows, quota / period; nothing where it
/// sets none.
std::optional<double> cpu_limit(const Group& group);

}  // namespace kernelet::cgroup
