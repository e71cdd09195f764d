#pragma once

#include <fstream>
#include <string>

namespace kernelet {

/// First line of a file such as those of /proc and /sys; empty where there is none.
inline std::string first_line(const std::string& path) {
    std::string line;
    std::ifstream file(path);
    std::getline(file, line);
    return line;
}

}  // namespace kernelet
