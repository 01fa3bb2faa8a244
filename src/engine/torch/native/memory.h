// The memory of the device that computes.
#pragma once

#include <c10/util/Exception.h>

#include <string>

namespace sf {

// What to tell a person about a tensor that did not fit, in one line; the same on every device.
std::string out_of_memory_message(const c10::OutOfMemoryError& error);

}  // namespace sf
