#include "cgroup.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "system_files.h"

namespace kernelet::cgroup {
namespace {

struct Mount {
    Version version;
    std::string group;   // the group that appears at the mount point
    std::string folder;  // the mount point
};

bool lists(const std::string& comma_separated, std::string_view word) {
    std::istringstream stream(comma_separated);
    for (std::string item; std::getline(stream, item, ',');) {
        if (item == word) return true;
    }
    return false;
}

/// Reads one line of mountinfo,
/// "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAGS…] - TYPE SOURCE SUPER_OPTIONS".
std::optional<Mount> parse_mount(const std::string& line) {
    std::istringstream stream(line);
    std::string word;
    std::string group;
    std::string folder;
    stream >> word >> word >> word >> group >> folder;
    while (stream >> word && word != "-") {
    }
    std::string type;
    std::string options;
    stream >> type >> word >> options;
    if (type == "cgroup2") return Mount{Version::v2, group, folder};
    if (type == "cgroup" && lists(options, "cpu")) return Mount{Version::v1, group, folder};
    return std::nullopt;
}

/// The process' group in a hierarchy, by lines "ID:CONTROLLERS:PATH" of
/// /proc/self/cgroup; version 2 has no controllers in its line.
std::optional<std::string> own_group(const std::string& root, Version version) {
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const bool wanted = version == Version::v2 ? controllers.empty() && line[0] == '0'
                                                   : lists(controllers, "cpu");
        if (wanted) return line.substr(second + 1);
    }
    return std::nullopt;
}

/// Path of `group` below the group shown at the mount point. A container may
/// see its group's full path on the host but only the group itself mounted; it
/// is then at the mount point.
std::string below_mount(const std::string& group, const std::string& mounted) {
    if (mounted == "/") return group == "/" ? "" : group;
    const bool inside = group.starts_with(mounted) &&
                        (group.size() == mounted.size() || group[mounted.size()] == '/');
    return inside ? group.substr(mounted.size()) : "";
}

void append_with_parents(std::vector<Group>& groups, const Mount& mount, std::string path,
                         const std::string& root) {
    while (true) {
        groups.push_back({mount.version, root + mount.folder + path});
        if (path.empty()) return;
        path.erase(path.rfind('/'));
    }
}

}  // namespace

std::vector<Group> groups_with_cpu_controller(const std::string& root) {
    std::vector<Group> groups;
    std::ifstream file(root + "/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        const std::optional<Mount> mount = parse_mount(line);
        if (!mount) continue;
        const std::optional<std::string> group = own_group(root, mount->version);
        if (!group) continue;
        append_with_parents(groups, *mount, below_mount(*group, mount->group), root);
    }
    return groups;
}

std::optional<double> cpu_limit(const Group& group) {
    std::string quota;
    std::string period;
    if (group.version == Version::v2) {
        std::istringstream(first_line(group.folder + "/cpu.max")) >> quota >> period;
    } else {
        quota = first_line(group.folder + "/cpu.cfs_quota_us");
        period = first_line(group.folder + "/cpu.cfs_period_us");
    }
    // "max" and -1 say that there is no quota; neither is a positive number.
    const double microseconds = std::strtod(quota.c_str(), nullptr);
    const double of_microseconds = std::strtod(period.c_str(), nullptr);
    if (!(microseconds > 0) || !(of_microseconds > 0)) return std::nullopt;
    return microseconds / of_microseconds;
}

}  // namespace kernelet::cgroup
