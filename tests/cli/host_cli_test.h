#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/cli/cli_test.h"

namespace mayfly::testing {

// `mayfly` with a real host service.
class HostCliTest : public CliTest {
 protected:
  static constexpr int kUsage = 2;
  static constexpr int kFailure = 125;

  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] std::string Socket() const { return Path("host.sock"); }
  // `mayfly` with these words, for the service.
  [[nodiscard]] Command Host(std::vector<std::string> words) const;
  // A VM of the guest `echo`, which says "ready" and waits for words.
  void StartEcho(Command& command);
  void ExpectComplaint(const std::vector<std::string>& words, int code,
                       const std::vector<std::string>& parts);

  std::optional<Command> daemon_;
};

}  // namespace mayfly::testing
