// Guests of this folder under `mayfly run`, by both ways of booting: what the SDK promises, and how
// the VM ends. And `block`, by each way of using a disk. The others have tests of their own.

#include <cstdint>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::Combine;
using ::testing::HasSubstr;
using ::testing::Values;
using ::testing::ValuesIn;

constexpr int kGuestPanic = 134;
constexpr int kTripleFault = 139;
constexpr int kTimeout = 124;
constexpr int kVmmFailure = 125;
// Longer than any of these guests takes to reach the state in which it stays.
constexpr const char* kShortTimeout = "500ms";

struct GuestCase {
  std::string guest = {};
  std::vector<std::string> words = {};
  int exit_code = 0;
  std::string output = {};

  friend void PrintTo(const GuestCase& value, std::ostream* stream) { *stream << value.guest; }
};

const std::vector<GuestCase> kCases = {
    {.guest = "hello", .output = "Hello from a Mayfly guest\n"},
    {.guest = "exit_status", .exit_code = 42},
    {.guest = "marks"},
    {.guest = "memory_edges", .words = {"--memory", "8M"}, .output = "8 MiB"},
    {.guest = "memory_edges", .words = {"--memory", "128M"}, .output = "128 MiB"},
    // Beyond the hole below 4 GiB.
    {.guest = "memory_edges", .words = {"--memory", "5G"}, .output = "5120 MiB"},
    {.guest = "memory_hog", .words = {"--cmdline", "touch=32"}, .output = "touched 32 MiB"},
    {.guest = "timer"},
    {.guest = "smp", .output = "1 cpu"},
    {.guest = "smp", .words = {"--cpus", "2"}, .output = "2 cpus"},
    {.guest = "smp", .words = {"--cpus", "32"}, .output = "32 cpus"},
    {.guest = "runtime", .output = " 0 failed"},
    {.guest = "power_off"},
    {.guest = "reset"},
    {.guest = "triple_fault", .exit_code = kTripleFault},
    {.guest = "panic", .exit_code = kGuestPanic},
    {.guest = "internal_error", .exit_code = kVmmFailure},
    {.guest = "bad_port_storm", .output = "survived"},
    {.guest = "spin", .words = {"--timeout", kShortTimeout}, .exit_code = kTimeout},
    {.guest = "halt", .words = {"--timeout", kShortTimeout}, .exit_code = kTimeout},
    {.guest = "flood", .words = {"--timeout", kShortTimeout}, .exit_code = kTimeout},
};

class GuestsTest : public CliTest,
                   public ::testing::WithParamInterface<std::tuple<GuestCase, const char*>> {};

TEST_P(GuestsTest, EndsAsItShould) {
  const auto& [guest, boot] = GetParam();
  std::vector<std::string> words = guest.words;
  words.insert(words.end(), {"--boot", boot});
  const CommandResult result = RunGuest(guest.guest, words).Run();
  EXPECT_EQ(result.exit_code, guest.exit_code) << result.err;
  EXPECT_THAT(result.out, HasSubstr(guest.output));
}

INSTANTIATE_TEST_SUITE_P(All, GuestsTest, Combine(ValuesIn(kCases), Values("pvh", "linux64")));

class BlockGuestTest : public CliTest, public ::testing::WithParamInterface<const char*> {};

// As tests/guests/block.cc has it: every 64-bit word of sector n holds n, and these bits once the
// guest has written it.
constexpr uint64_t kUntouched = 0;
constexpr uint64_t kWritten = 0xa5a5'0000'0000'0000;
constexpr size_t kSectors = 2048;
constexpr size_t kWordsPerSector = 512 / sizeof(uint64_t);

std::string Pattern(uint64_t bits) {
  std::string disk;
  disk.reserve(kSectors * kWordsPerSector * sizeof(uint64_t));
  for (uint64_t sector = 0; sector < kSectors; ++sector) {
    const uint64_t word = sector | bits;
    for (size_t i = 0; i < kWordsPerSector; ++i) {
      disk.append(std::string_view(reinterpret_cast<const char*>(&word), sizeof word));
    }
  }
  return disk;
}

std::string ReadAll(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

// By interrupts, polled, and without the optional ring features: every sector is read, then
// written, by the guest, and the host finds what it wrote.
TEST_P(BlockGuestTest, EverySectorArrives) {
  const std::string disk = MakeFile("disk", Pattern(kUntouched));
  const std::string mode = GetParam();
  const CommandResult result =
      RunGuest("block", {"--disk", disk, "--cmdline", mode + " verify write"}).Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("2048 sectors, id \"mayfly-disk-0\", rw"));
  EXPECT_THAT(result.out, HasSubstr("disk 0: verified"));
  EXPECT_TRUE(ReadAll(disk) == Pattern(kWritten));
}

TEST_P(BlockGuestTest, AReadOnlyDiskStaysAsItIs) {
  const std::string disk = MakeFile("disk", Pattern(kUntouched));
  const CommandResult result =
      RunGuest("block", {"--disk", disk + ",ro", "--disk", disk + ",ro", "--cmdline",
                         std::string(GetParam()) + " verify write"})
          .Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("disk 1: verified"));
  EXPECT_TRUE(ReadAll(disk) == Pattern(kUntouched));
}

INSTANTIATE_TEST_SUITE_P(Modes, BlockGuestTest, Values("", "polled", "plain"));

}  // namespace
}  // namespace mayfly::testing
