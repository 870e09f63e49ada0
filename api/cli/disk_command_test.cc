#include "api/cli/disk_command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "api/cli/exit_code.h"
#include "base/owned_fd.h"
#include "base/pipe.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/overlay/base_identity.h"
#include "virtio/block/overlay/overlay_upper.h"

namespace {

// What was made durable, in order.
std::vector<std::string>& Synced() {
  static std::vector<std::string> paths;
  return paths;
}

}  // namespace

// In libc's place: a test cannot cut the power.
extern "C" int fsync(int fd) {
  std::error_code error;
  Synced().push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error));
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace mayfly::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kDiskBytes = uint64_t{1} << 20;
constexpr int kSuccess = static_cast<int>(ExitCode::kSuccess);
constexpr int kUsage = static_cast<int>(ExitCode::kUsage);

class DiskCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::canonical(::testing::TempDir()).string() + "/disk-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    ASSERT_TRUE(
        OwnedFd(::open(Path("base").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).valid());
    fs::resize_file(Path("base"), kDiskBytes);
    Synced().clear();
  }
  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] OwnedFd Open(const std::string& name) const {
    return OwnedFd(::open(Path(name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }
  [[nodiscard]] virtio::BaseIdentity Base() const {
    return virtio::BaseIdentity::Of(Open("base").get(), "base").value();
  }
  // As a VM does that dies before it could close its overlay.
  void MakeOverlay(const virtio::BaseIdentity& base) const {
    const auto upper = virtio::OverlayUpper::Open(Open("upper"), base, "upper");
    ASSERT_TRUE(upper.ok()) << upper.status();
  }
  static int Disk(std::vector<std::string> words) {
    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (std::string& word : words) arguments.push_back(word.data());
    return DiskCommand(arguments);
  }

  std::string directory_;
};

TEST_F(DiskCommandTest, AnImageAndItsNameAreDurableBeforeTheOverlayIsEmptied) {
  ASSERT_NO_FATAL_FAILURE(MakeOverlay(Base()));
  EXPECT_EQ(Disk({"commit", Path("upper"), Path("base"), Path("image")}), kSuccess);
  EXPECT_THAT(Synced(), ElementsAre(Path("image"), directory_));
}

TEST_F(DiskCommandTest, ANameWithoutADirectoryIsInTheCurrentOne) {
  ASSERT_NO_FATAL_FAILURE(MakeOverlay(Base()));
  const fs::path before = fs::current_path();
  fs::current_path(directory_);
  EXPECT_EQ(Disk({"flatten", "upper", "base", "image"}), kSuccess);
  fs::current_path(before);
  EXPECT_THAT(Synced(), ElementsAre(Path("image"), directory_));
  EXPECT_EQ(fs::file_size(Path("image")), kDiskBytes);
}

TEST_F(DiskCommandTest, SaysThatALastVmWasKilled) {
  ASSERT_NO_FATAL_FAILURE(MakeOverlay(Base()));
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(Disk({"info", Path("upper")}), kSuccess);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("its last VM was killed"));
}

TEST_F(DiskCommandTest, SaysThatABaseIsADevice) {
  virtio::BaseIdentity device = Base();
  device.modified = 0;
  ASSERT_NO_FATAL_FAILURE(MakeOverlay(device));
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(Disk({"info", Path("upper")}), kSuccess);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("written last: a device"));
}

TEST_F(DiskCommandTest, AnOutputThatNobodyReadsIsNotTheFilesFault) {
  ASSERT_NO_FATAL_FAILURE(MakeOverlay(Base()));
  Pipe pipe = Pipe::Make().value();
  pipe.reader.Reset();
  ::signal(SIGPIPE, SIG_IGN);
  const OwnedFd before(::dup(STDOUT_FILENO));
  ::dup2(pipe.writer.get(), STDOUT_FILENO);
  const int code = Disk({"info", Path("upper")});
  ::dup2(before.get(), STDOUT_FILENO);
  EXPECT_EQ(code, static_cast<int>(ExitCode::kFailure));
}

TEST_F(DiskCommandTest, WhatIsNotThereIsNotMade) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Disk({"rebase", Path("upper"), Path("base")}), kUsage);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("overlay " + Path("upper") + " cannot be opened for writing"));
  EXPECT_FALSE(fs::exists(Path("upper")));
}

}  // namespace
}  // namespace mayfly::cli
