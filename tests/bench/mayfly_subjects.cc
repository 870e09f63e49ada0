#include "tests/bench/mayfly_subjects.h"

namespace mayfly::bench {

std::vector<GuestSubject> MayflySubjects(const std::string& binaries, const std::string& kernel,
                                         const std::string& cmdline,
                                         const std::vector<std::string>& devices) {
  const auto command = [&](const std::string& pages) {
    std::vector<std::string> words = {
        binaries + "/mayfly", "run",   "--kernel", kernel,
        "--cmdline",          cmdline, "--memory", "128M,pages=" + pages};
    words.insert(words.end(), devices.begin(), devices.end());
    return words;
  };
  return {{.name = "mayfly", .argv = command("small"), .status = 0},
          {.name = "mayfly, huge", .argv = command("transparent"), .status = 0}};
}

}  // namespace mayfly::bench
