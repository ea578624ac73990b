// What every room here may throw: a sentence for whoever called, and the code under which the ABI reports it.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>

namespace fedx {

struct Failure : std::runtime_error {
  Failure(int32_t code, const std::string& text) : std::runtime_error(text), code(code) {}
  int32_t code;  // FEDX_E_…
};

}  // namespace fedx
