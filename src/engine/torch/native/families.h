// The families of functions that the addon exports, one a file.
#pragma once

#include "binding.h"

namespace sf {

void export_device(Exports& exports);
void export_tensors(Exports& exports);

}  // namespace sf
