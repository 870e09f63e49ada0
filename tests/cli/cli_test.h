#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/command.h"

namespace mayfly::testing {

// Runs the real `mayfly` and `mayfly-vmm` on this host's KVM, in a directory of its own, and checks
// after each test that nothing is left: no process (orphans are adopted by the test, so that it
// sees them all) and no file.
class CliTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // `mayfly` with these words.
  [[nodiscard]] Command Mayfly(std::vector<std::string> words) const;
  // `mayfly run --kernel <guest>` with these further words; a guest is a target of //tests/guests.
  [[nodiscard]] Command RunGuest(const std::string& guest,
                                 std::vector<std::string> words = {}) const;
  [[nodiscard]] static std::string GuestPath(const std::string& guest);
  // In the test's directory; deleted with it.
  [[nodiscard]] std::string MakeFile(const std::string& name, const std::string& content) const;
  [[nodiscard]] std::string MakeSparseFile(const std::string& name, uint64_t size) const;
  [[nodiscard]] std::string Path(const std::string& name) const;
  // Until `is_so`: whether it was in a minute, which is more than anything takes.
  [[nodiscard]] bool Await(const std::function<bool()>& is_so);
  // A moment in which others go on.
  virtual void Pause();

 private:
  std::string directory_;
};

// Preparations for Command: each changes what the new process finds.

// Root without its right to pass over permissions: as anybody else would find the files.
void ObeyPermissions();
// A file system of its own at `directory`, with room for `size` (mount(8), tmpfs).
void MountSmall(const std::string& directory, const std::string& size);
// A /dev without kvm.
void HideKvm();
// A /dev/kvm that nobody may open.
void ForbidKvm();
// A /dev/kvm that anybody may open, which lies at `path`. For root.
void LendKvm(const std::string& path);
// `directory` is /run.
void ShowRun(const std::string& directory);
// `directory` is where systemd has the journal's sockets. Without anything else of /run's.
void ShowJournal(const std::string& directory);

}  // namespace mayfly::testing
