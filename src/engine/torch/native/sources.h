// Which sources the addon was built from.
#pragma once

namespace sf {

// Digest of all files of this folder: JavaScript takes only an addon of the sources that its own build saw.
extern const char* const sources_digest;

}  // namespace sf
