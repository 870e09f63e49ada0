#include "api/cli/doctor_keys.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file_io.h"

namespace mayfly::cli {
namespace {

using Weight = Finding::Weight;

// Each VM takes one. With fewer left, somebody who starts a few more finds it out too late.
constexpr uint64_t kFewKeys = 20;
constexpr uid_t kRoot = 0;

struct Keys {
  uint64_t taken = 0;
  uint64_t most = 0;
};

// A line of /proc/key-users: "UID: USAGE KEYS/INSTANTIATED TAKEN/MOST BYTES/MOST-BYTES"
// (keyrings(7)). Nothing where `line` is another user's.
[[nodiscard]] std::optional<Keys> KeysIn(const std::string& line, uid_t user) {
  std::istringstream words(line);
  uint64_t whose = 0;
  std::string skipped;
  char colon = 0;
  char slash = 0;
  Keys keys;
  words >> whose >> colon >> skipped >> skipped >> keys.taken >> slash >> keys.most;
  if (!words || whose != user) return std::nullopt;
  return keys;
}

[[nodiscard]] std::optional<Keys> KeysOf(const HostPaths& paths, uid_t user) {
  const auto text = ReadText(AT_FDCWD, paths.root + "/proc/key-users");
  if (!text.ok()) return std::nullopt;  // a kernel without keyrings
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (const auto keys = KeysIn(line, user)) return keys;
  }
  return std::nullopt;  // none taken
}

}  // namespace

void ExamineKeys(const HostPaths& paths, std::vector<Finding>& findings) {
  const uid_t user = ::geteuid();
  const std::optional<Keys> keys = KeysOf(paths, user);
  if (!keys) return;
  const uint64_t left = keys->most - std::min(keys->taken, keys->most);
  if (left >= kFewKeys) {
    findings.push_back(
        {Weight::kGood,
         absl::StrCat(left, " more VMs of this user can have a session keyring of their own."),
         ""});
    return;
  }
  findings.push_back(
      {Weight::kNote,
       absl::StrCat("This user has ", keys->taken, " of the ", keys->most,
                    " keys that the kernel allows: ", left,
                    " more VMs have a session keyring of their own, others keep their starter's, "
                    "which their seccomp filters keep them from."),
       absl::StrCat("sysctl kernel.keys.", user == kRoot ? "root_maxkeys" : "maxkeys",
                    "=NUMBER, with more")});
}

}  // namespace mayfly::cli
