#include "kernelet/cpu.h"

namespace kernelet {

std::string processor_brand() { return ""; }

}  // namespace kernelet
