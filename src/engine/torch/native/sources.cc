// The digest that scripts/build-torch.mjs gives to this file alone: no other one is compiled again for it.
#include "sources.h"

namespace sf {

const char* const sources_digest = SF_SOURCES;

}  // namespace sf
