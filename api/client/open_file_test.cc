#include "api/client/open_file.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

// Root may write to any file, but for as long as this lives.
class NoOverride final {
 public:
  NoOverride() {
    EXPECT_EQ(::syscall(SYS_capget, &header_, before_.data()), 0);
    auto fewer = before_;
    fewer[0].effective &= ~(1U << CAP_DAC_OVERRIDE);
    EXPECT_EQ(::syscall(SYS_capset, &header_, fewer.data()), 0);
  }
  NoOverride(const NoOverride&) = delete;
  NoOverride& operator=(const NoOverride&) = delete;
  ~NoOverride() { ::syscall(SYS_capset, &header_, before_.data()); }

 private:
  __user_cap_header_struct header_ = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> before_{};
};

class OpenFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "open-file-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    std::ofstream(Path("file")) << "content";
  }
  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  template <typename T>
  static std::string Refusal(const absl::StatusOr<T>& result) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << result.status();
    return std::string(result.status().message());
  }

  std::string directory_;
};

TEST_F(OpenFileTest, WhatIsMissingIsNamedWithItsRole) {
  EXPECT_THAT(Refusal(OpenImage("kernel", Path("none"))),
              HasSubstr("kernel " + Path("none") + " cannot be opened: No such file"));
  EXPECT_THAT(Refusal(OpenDiskImage(Path("none"), vmm::DiskAccess::kReadWrite)),
              HasSubstr("check the path"));
}

TEST_F(OpenFileTest, AnOverlayIsMadeOnlyWhereThatIsWanted) {
  EXPECT_THAT(Refusal(OpenOverlay(Path("upper"), Missing::kRefuse)), HasSubstr("check the path"));
  EXPECT_FALSE(fs::exists(Path("upper")));
  EXPECT_TRUE(OpenOverlay(Path("upper"), Missing::kMake).ok());
  EXPECT_TRUE(fs::exists(Path("upper")));
}

TEST_F(OpenFileTest, OnlyADiskCanBeAttachedReadOnly) {
  ASSERT_EQ(::chmod(Path("file").c_str(), 0444), 0);
  const auto [disk, overlay] = [this] {
    const NoOverride only_with_permission;
    return std::pair(OpenDiskImage(Path("file"), vmm::DiskAccess::kReadWrite),
                     OpenOverlay(Path("file"), Missing::kMake));
  }();
  EXPECT_THAT(Refusal(disk), HasSubstr("make it writable for you, or attach it read-only"));
  EXPECT_THAT(Refusal(overlay), HasSubstr("make it writable for you"));
  EXPECT_THAT(Refusal(overlay), Not(HasSubstr("read-only")));
}

TEST_F(OpenFileTest, ADirectoryIsNoDisk) {
  EXPECT_THAT(Refusal(OpenDiskImage(directory_, vmm::DiskAccess::kReadWrite)),
              HasSubstr("mke2fs -d"));
  EXPECT_THAT(Refusal(OpenOverlay(directory_, Missing::kMake)), HasSubstr("name a file"));
}

TEST_F(OpenFileTest, ARunningProgramIsNoDisk) {
  fs::copy_file("/bin/sleep", Path("sleep"));
  std::array<char*, 3> words = {const_cast<char*>("sleep"), const_cast<char*>("60"), nullptr};
  pid_t child = 0;
  ASSERT_EQ(::posix_spawn(&child, Path("sleep").c_str(), nullptr, nullptr, words.data(), environ),
            0);
  const auto disk = OpenDiskImage(Path("sleep"), vmm::DiskAccess::kReadWrite);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(Refusal(disk), HasSubstr("a running program is not a disk"));
}

TEST_F(OpenFileTest, TooManyFilesHaveARemedy) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto image = OpenImage("initrd", Path("file"));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(Refusal(image), HasSubstr("ulimit -n"));
}

}  // namespace
}  // namespace mayfly::api
