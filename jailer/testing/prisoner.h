#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/owned_fd.h"
#include "jailer/jail.h"
#include "jailer/spawn.h"

namespace mayfly::jailer {

// A program in a jail, which has told on its descriptor 1 what it sees, a line "name=value" each,
// and at last a line of one dot. It stays until descriptor 0 ends, and then ends with status 0.
class Prisoner final {
 public:
  // `program`: from the runfiles' root. Returns when all has been told.
  Prisoner(const Jail& jail, const std::string& program,
           const std::vector<std::string>& arguments = {});
  ~Prisoner();
  Prisoner(const Prisoner&) = delete;
  Prisoner& operator=(const Prisoner&) = delete;

  [[nodiscard]] const std::string& operator[](const std::string& name) { return told_[name]; }
  [[nodiscard]] pid_t pid() const { return child_ ? child_->pid() : -1; }
  // As seen from outside: of /proc.
  [[nodiscard]] std::string Namespace(const std::string& kind) const;
  [[nodiscard]] std::string Read(const std::string& name) const;

 private:
  [[nodiscard]] std::string Proc(const std::string& name) const;
  void Listen();

  OwnedFd hold_;
  OwnedFd said_;
  std::optional<ChildProcess> child_;
  std::map<std::string, std::string> told_;
};

}  // namespace mayfly::jailer
