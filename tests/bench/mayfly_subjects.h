#pragma once

#include <string>
#include <vector>

#include "tests/bench/guest_bench.h"

namespace mayfly::bench {

// `mayfly run` of the folder `binaries` with a kernel, its command line and devices: once with
// small pages, and once with huge ones.
[[nodiscard]] std::vector<GuestSubject> MayflySubjects(const std::string& binaries,
                                                       const std::string& kernel,
                                                       const std::string& cmdline,
                                                       const std::vector<std::string>& devices);

}  // namespace mayfly::bench
