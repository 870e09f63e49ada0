// The guest that measures disks, for a moment: it comes to its end with a figure for every case.

#include <cstdint>
#include <string>

#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;

using BlockBenchTest = CliTest;

TEST_F(BlockBenchTest, EveryCaseHasAFigure) {
  constexpr uint64_t kDiskBytes = uint64_t{16} << 20;
  const std::string disk = MakeSparseFile("disk", kDiskBytes);
  const CommandResult result = RunGuest("blkbench", {"--disk", disk, "--cmdline", "ms=20"}).Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  for (const char* name : {"randread-4k-1 ", "randread-4k-32 ", "randwrite-4k-1 ",
                           "randwrite-4k-32 ", "seqread-128k-8 ", "seqwrite-128k-8 "}) {
    EXPECT_THAT(result.out, HasSubstr(std::string("result ") + name));
  }
}

TEST_F(BlockBenchTest, WithoutADiskItSaysSo) {
  const CommandResult result = RunGuest("blkbench").Run();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("there is no disk"));
}

}  // namespace
}  // namespace mayfly::testing
