#pragma once

namespace mayfly {

// For main(), first of all: opens /dev/null for each standard stream that our caller has closed.
// Its number would be that of the next file opened, and what we say would go there.
void OccupyStandardFds();

}  // namespace mayfly
