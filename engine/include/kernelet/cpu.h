#pragma once

#include <string>

namespace kernelet {

/// Brand of the processor as it names itself, or an empty string.
std::string processor_brand();

}  // namespace kernelet
