// `mayfly run --disk` with a block device of the host's: a loop device over a file plays one. Needs
// to be root, outside of a sandbox.

#include <fcntl.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/file_io.h"
#include "base/owned_fd.h"
#include "tests/cli/cli_test.h"
#include "virtio/block/testing/loop_device.h"

namespace mayfly::testing {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

constexpr int kUsage = 2;
constexpr size_t kSectorBytes = 512;
constexpr uint64_t kSectors = 2048;
// As tests/guests/block.cc has it: what it writes into sector n, beside n.
constexpr uint64_t kWritten = 0xa5a5'0000'0000'0000;

class BlockDeviceTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    const std::string path = MakeSparseFile("disk", kSectors * kSectorBytes);
    file_ = OwnedFd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    auto device = virtio::LoopDevice::Create(file_.get());
    if (!device.ok()) {
      GTEST_SKIP() << "runs where loop devices are to be had, as root: " << device.status();
    }
    device_.emplace(*std::move(device));
  }

  OwnedFd file_;
  std::optional<virtio::LoopDevice> device_;
};

class BlockDeviceEngineTest : public BlockDeviceTest,
                              public ::testing::WithParamInterface<const char*> {};

TEST_P(BlockDeviceEngineTest, EverySectorArrives) {
  const std::string disk = device_->path() + ",engine=" + GetParam();
  const CommandResult result = RunGuest("block", {"--cmdline", "write", "--disk", disk}).Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("2048 sectors, id \"mayfly-disk-0\", rw,"));
  for (uint64_t sector = 0; sector < kSectors; ++sector) {
    std::array<uint64_t, kSectorBytes / sizeof(uint64_t)> words{};
    const auto bytes = std::as_writable_bytes(std::span(words));
    ASSERT_TRUE(ReadFully(file_.get(), sector * kSectorBytes, bytes).ok());
    ASSERT_THAT(words, Each(sector | kWritten));
  }
}

INSTANTIATE_TEST_SUITE_P(All, BlockDeviceEngineTest, ::testing::Values("sync", "uring"));

TEST_F(BlockDeviceTest, SpaceIsGivenBack) {
  const CommandResult result =
      RunGuest("block", {"--cmdline", "write discard", "--disk", device_->path()}).Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("disk 0: discarded"));
}

TEST_F(BlockDeviceTest, AReadOnlyOneStaysAsItIs) {
  const CommandResult result =
      RunGuest("block", {"--cmdline", "write", "--disk", device_->path() + ",ro"}).Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr(", ro,"));
  EXPECT_EQ(NextStoredByte(file_.get(), 0, kSectors * kSectorBytes).value(),
            kSectors * kSectorBytes);
}

TEST_F(BlockDeviceTest, OneInUseIsRefused) {
  Command first = RunGuest("echo", {"--disk", device_->path()});
  first.Start();
  first.AwaitOutput("ready");
  const CommandResult second = RunGuest("block", {"--disk", device_->path()}).Run();
  EXPECT_EQ(second.exit_code, kUsage);
  EXPECT_THAT(second.err, HasSubstr(device_->path()));
  EXPECT_THAT(second.err, HasSubstr("in use"));
  first.Write("quit\n");
  EXPECT_EQ(first.Wait().exit_code, 0);
}

}  // namespace
}  // namespace mayfly::testing
