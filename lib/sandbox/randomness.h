// What must differ between any two lives of any two guests: drawn from the host's kernel.
#pragma once

#include <cstddef>
#include <string>

namespace snaphammer::sandbox {

std::string random_bytes(std::size_t count);
/// 16 hexadecimal digits.
std::string new_generation();

}  // namespace snaphammer::sandbox
