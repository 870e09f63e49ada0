#include "api/cli/made_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/file_io.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

namespace fs = std::filesystem;

class MadeFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "made-files-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }
  [[nodiscard]] std::string Path(const std::string& name) const { return directory_ + "/" + name; }

 private:
  std::string directory_;
};

TEST_F(MadeFilesTest, GoAgain) {
  {
    MadeFiles made;
    const OwnedFd first = made.Make(Path("a"), O_RDWR, 0600);
    const OwnedFd second = made.Make(Path("b"), O_WRONLY, 0644);
    struct stat info {};
    ASSERT_EQ(::fstat(first.get(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    EXPECT_EQ(info.st_size, 0);
    EXPECT_TRUE(second.valid());
    EXPECT_TRUE(fs::exists(Path("b")));
    // As a VMM does that has it.
    EXPECT_TRUE(TryLockFile(first.get(), FileLock::kExclusive).value());
  }
  EXPECT_FALSE(fs::exists(Path("a")));
  EXPECT_FALSE(fs::exists(Path("b")));
}

TEST_F(MadeFilesTest, StayWhereTheyAreToBeKept) {
  {
    MadeFiles made;
    EXPECT_TRUE(made.Make(Path("a"), O_RDWR, 0600).valid());
    made.Keep();
  }
  EXPECT_TRUE(fs::exists(Path("a")));
}

TEST_F(MadeFilesTest, StayWhereAnotherHasThemInUse) {
  OwnedFd another;
  {
    MadeFiles made;
    EXPECT_TRUE(made.Make(Path("a"), O_RDWR, 0600).valid());
    another = OwnedFd(::open(Path("a").c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_TRUE(TryLockFile(another.get(), FileLock::kExclusive).value());
  }
  EXPECT_TRUE(fs::exists(Path("a")));
}

TEST_F(MadeFilesTest, WhatWasThereIsNotOurs) {
  std::ofstream(Path("a")) << "content";
  fs::create_symlink(Path("nothing"), Path("b"));
  {
    MadeFiles made;
    EXPECT_FALSE(made.Make(Path("a"), O_RDWR, 0600).valid());
    EXPECT_FALSE(made.Make(Path("b"), O_RDWR, 0600).valid());
    EXPECT_FALSE(made.Make(Path("no folder/c"), O_RDWR, 0600).valid());
  }
  EXPECT_EQ(fs::file_size(Path("a")), 7U);
  EXPECT_TRUE(fs::is_symlink(Path("b")));
}

}  // namespace
}  // namespace mayfly::cli
