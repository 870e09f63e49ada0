#include "api/client/cpu_profile_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "base/owned_fd.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

namespace fs = std::filesystem;

class CpuProfileCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "cpu-profile-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    // Any file has the identity that the cache asks of /dev/kvm.
    kvm_ = OwnedFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    other_kvm_ = OwnedFd(::open("/dev/zero", O_RDWR | O_CLOEXEC));
    profile_.kind = vmm::KvmKind::kSoftware;
    profile_.supported.resize(3);
    profile_.supported[2].function = 0x80000008;
    profile_.supported[2].eax = 48;
  }
  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] CpuProfileCache Cache() const { return CpuProfileCache(directory_ + "/mayfly"); }
  [[nodiscard]] std::string File() const { return Cache().path(); }

  [[nodiscard]] std::string Content() const {
    std::ifstream file(File(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void Overwrite(const std::string& content) const {
    std::ofstream(File(), std::ios::binary | std::ios::trunc) << content;
  }

  std::string directory_;
  OwnedFd kvm_;
  OwnedFd other_kvm_;
  vmm::CpuProfile profile_;
};

TEST_F(CpuProfileCacheTest, KeepsWhatItWasGiven) {
  EXPECT_FALSE(Cache().Load(kvm_.get()).has_value());
  ASSERT_TRUE(Cache().Store(kvm_.get(), profile_).ok());
  const auto loaded = Cache().Load(kvm_.get());
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->kind, vmm::KvmKind::kSoftware);
  ASSERT_EQ(loaded->supported.size(), 3U);
  EXPECT_EQ(loaded->supported[2].function, 0x80000008);
  EXPECT_EQ(loaded->supported[2].eax, 48U);
}

TEST_F(CpuProfileCacheTest, IsPrivateAndOneFile) {
  ASSERT_TRUE(Cache().Store(kvm_.get(), profile_).ok());
  ASSERT_TRUE(Cache().Store(kvm_.get(), profile_).ok());
  struct stat info {};
  ASSERT_EQ(::stat(File().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & static_cast<mode_t>(ALLPERMS), 0600U);
  const fs::directory_iterator files(directory_ + "/mayfly");
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(CpuProfileCacheTest, AnswersForOneKvmOnly) {
  ASSERT_TRUE(Cache().Store(kvm_.get(), profile_).ok());
  EXPECT_FALSE(Cache().Load(other_kvm_.get()).has_value());
}

TEST_F(CpuProfileCacheTest, AnyChangedByteIsNoticed) {
  ASSERT_TRUE(Cache().Store(kvm_.get(), profile_).ok());
  const std::string good = Content();
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    Overwrite(bad);
    EXPECT_FALSE(Cache().Load(kvm_.get()).has_value()) << "byte " << at;
  }
  Overwrite(good);
  EXPECT_TRUE(Cache().Load(kvm_.get()).has_value());
}

TEST_F(CpuProfileCacheTest, AnyOtherLengthIsNoticed) {
  ASSERT_TRUE(Cache().Store(kvm_.get(), profile_).ok());
  const std::string good = Content();
  for (size_t size = 0; size < good.size(); ++size) {
    Overwrite(good.substr(0, size));
    EXPECT_FALSE(Cache().Load(kvm_.get()).has_value()) << size << " bytes";
  }
  Overwrite(good + "x");
  EXPECT_FALSE(Cache().Load(kvm_.get()).has_value());
  Overwrite(good + std::string(100'000, '\0'));
  EXPECT_FALSE(Cache().Load(kvm_.get()).has_value());
}

TEST_F(CpuProfileCacheTest, AWriterWhoIsKilledLeavesNothingInTheWay) {
  const pid_t writer = ::fork();
  if (writer == 0) {
    const rlimit small{.rlim_cur = 100, .rlim_max = 100};  // SIGXFSZ in the middle of the file
    ::setrlimit(RLIMIT_FSIZE, &small);
    (void)Cache().Store(kvm_.get(), profile_);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(writer, &status, 0), writer);
  ASSERT_TRUE(WIFSIGNALED(status)) << "it was not killed";
  EXPECT_FALSE(Cache().Load(kvm_.get()).has_value());
  ASSERT_TRUE(Cache().Store(kvm_.get(), profile_).ok());
  EXPECT_TRUE(Cache().Load(kvm_.get()).has_value());
  const fs::directory_iterator files(directory_ + "/mayfly");
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(CpuProfileCacheTest, AFileThatOthersMayWriteIsNotTrusted) {
  ASSERT_TRUE(Cache().Store(kvm_.get(), profile_).ok());
  ASSERT_EQ(::chmod(File().c_str(), 0622), 0);
  EXPECT_FALSE(Cache().Load(kvm_.get()).has_value());
}

TEST_F(CpuProfileCacheTest, ALinkIsNotFollowed) {
  ASSERT_TRUE(Cache().Store(kvm_.get(), profile_).ok());
  fs::rename(File(), File() + ".real");
  fs::create_symlink(File() + ".real", File());
  EXPECT_FALSE(Cache().Load(kvm_.get()).has_value());
}

TEST_F(CpuProfileCacheTest, APlaceThatCannotBeWrittenIsAnErrorNobodyNeedsToMind) {
  const CpuProfileCache nowhere("/proc/nowhere/mayfly");
  EXPECT_FALSE(nowhere.Store(kvm_.get(), profile_).ok());
  EXPECT_FALSE(nowhere.Load(kvm_.get()).has_value());
  const CpuProfileCache none("");
  EXPECT_FALSE(none.Store(kvm_.get(), profile_).ok());
  EXPECT_FALSE(none.Load(kvm_.get()).has_value());
}

TEST_F(CpuProfileCacheTest, AsksKvmOnceAndRemembers) {
  const OwnedFd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm.valid()) {
    GTEST_SKIP() << "runs where this user may open /dev/kvm: " << std::strerror(errno);
  }
  const auto asked = Cache().Get(kvm.get());
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_FALSE(asked->supported.empty());
  const auto remembered = Cache().Load(kvm.get());
  ASSERT_TRUE(remembered.has_value());
  EXPECT_EQ(remembered->supported.size(), asked->supported.size());
  Overwrite("nonsense");
  EXPECT_TRUE(Cache().Get(kvm.get()).ok()) << "it asks again";
  EXPECT_TRUE(Cache().Load(kvm.get()).has_value()) << "and keeps the answer";
}

TEST(CpuProfileCachePlace, FollowsTheBaseDirectories) {
  ::setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
  ::setenv("XDG_CACHE_HOME", "/cache", 1);
  ::setenv("HOME", "/home/me", 1);
  EXPECT_EQ(CpuProfileCache::OfUser().path(), "/run/user/1/mayfly/cpu-profile");
  ::setenv("XDG_RUNTIME_DIR", "relative", 1);  // to be ignored (XDG Base Directory Specification)
  EXPECT_EQ(CpuProfileCache::OfUser().path(), "/cache/mayfly/cpu-profile");
  ::unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(CpuProfileCache::OfUser().path(), "/home/me/.cache/mayfly/cpu-profile");
}

}  // namespace
}  // namespace mayfly::api
