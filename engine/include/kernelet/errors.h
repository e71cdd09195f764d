#pragma once

#include <stdexcept>

namespace kernelet {

/// What the user configured cannot be had: an environment variable with an
/// unknown value, an instruction set the machine lacks, threads that cannot be
/// started. The message says how to repair it.
class ConfigurationError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace kernelet
