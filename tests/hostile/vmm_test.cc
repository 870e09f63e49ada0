// Some of the attacks on the programs as users have them: what `mayfly run` tells of a guest that
// misbehaves, and how it ends.

#include <filesystem>
#include <string>

#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As tests/hostile/guest/disk.h has them.
constexpr size_t kSectors = 2048;
constexpr size_t kWordsPerSector = 512 / sizeof(uint64_t);
constexpr unsigned kNumberShift = 32;

std::string Pattern(uint64_t disk) {
  std::string bytes;
  for (uint64_t sector = 0; sector < kSectors; ++sector) {
    const uint64_t word = sector | disk << kNumberShift;
    for (size_t i = 0; i < kWordsPerSector; ++i) {
      bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
  }
  return bytes;
}

class VmmTest : public CliTest {
 protected:
  CommandResult Attack(const std::string& name, const std::string& cpus) {
    static const std::string guest = std::filesystem::absolute("tests/hostile/guest/attacker");
    Command command = Mayfly({"run", "--kernel", guest, "--cpus", cpus, "--disk",
                              MakeFile("attacked", Pattern(0)), "--disk",
                              MakeFile("bystander", Pattern(1)), "--", "attack=" + name});
    command.Start();
    command.AwaitOutput("quiet");
    command.Write("go on\n");
    return command.Wait();
  }
};

TEST_F(VmmTest, TellsWhatTheGuestDid) {
  const CommandResult result = Attack("short_loop", "1");
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.err, HasSubstr("disk 0"));
  EXPECT_THAT(result.err, HasSubstr("the guest broke the virtio protocol"));
  EXPECT_THAT(result.err, HasSubstr("is a loop"));
}

TEST_F(VmmTest, DoesNotTellForEver) {
  const CommandResult result = Attack("many_breaks", "1");
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.err, HasSubstr("further events of it are not told"));
}

TEST_F(VmmTest, SurvivesAStormAndHasNothingToTell) {
  const CommandResult result = Attack("kicks_from_all_cpus", "2");
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.err, IsEmpty());
}

}  // namespace
}  // namespace mayfly::testing
