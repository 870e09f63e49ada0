// `mayfly run --disk`: engines, overlays, limits, as a guest finds them.

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/owned_fd.h"
#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kUsage = 2;
constexpr size_t kSectorBytes = 512;
constexpr uint64_t kSectors = 2048;

class DiskTest : public CliTest {
 protected:
  // What the guest `block` verifies: every word of sector n holds n.
  [[nodiscard]] std::string MakeDisk(const std::string& name) const {
    std::vector<uint64_t> words(kSectors * kSectorBytes / sizeof(uint64_t));
    for (size_t at = 0; at < words.size(); ++at) words[at] = at * sizeof(uint64_t) / kSectorBytes;
    std::ofstream(Path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(words.data()),
               static_cast<std::streamsize>(words.size() * sizeof(uint64_t)));
    return Path(name);
  }
  [[nodiscard]] CommandResult Block(const std::string& words, const std::vector<std::string>& disks,
                                    const std::string& cpus = "1") const {
    std::vector<std::string> arguments = {"--cmdline", words, "--cpus", cpus};
    for (const std::string& disk : disks) arguments.insert(arguments.end(), {"--disk", disk});
    return RunGuest("block", arguments).Run();
  }
  void ExpectVerified(const std::string& disk) const {
    const CommandResult result = Block("verify", {disk});
    EXPECT_EQ(result.exit_code, 0) << disk << ": " << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("disk 0: verified"));
  }
};

TEST_F(DiskTest, EveryEngineReadsAndWritesTheSame) {
  for (const char* engine : {"auto", "sync", "uring"}) {
    const std::string disk = MakeDisk("disk") + ",engine=" + engine;
    ExpectVerified(disk);
    const CommandResult result = Block("write", {disk});
    EXPECT_EQ(result.exit_code, 0) << engine << ": " << result.out << result.err;
  }
}

TEST_F(DiskTest, AQueueForEachCpu) {
  const CommandResult result = Block("verify", {MakeDisk("disk")}, "4");
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST_F(DiskTest, SerialsAreShown) {
  const CommandResult result =
      Block("", {MakeDisk("a") + ",serial=my-serial,ro", MakeDisk("b") + ",ro"});
  EXPECT_THAT(result.out, HasSubstr("id \"my-serial\""));
  EXPECT_THAT(result.out, HasSubstr("id \"mayfly-disk-1\""));
}

TEST_F(DiskTest, AnOverlayInMemoryIsForgotten) {
  const std::string base = MakeDisk("base");
  const CommandResult result = Block("write", {base + ",overlay=memory"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("rw"));
  ExpectVerified(base);
}

TEST_F(DiskTest, AnOverlayInAFileRemembers) {
  const std::string base = MakeDisk("base");
  const std::string disk = base + ",overlay=" + Path("upper");
  ExpectVerified(disk);
  EXPECT_EQ(Block("write", {disk}).exit_code, 0);
  const CommandResult changed = Block("verify", {disk});
  EXPECT_EQ(changed.exit_code, 1) << "what was written is not there: " << changed.out;
  EXPECT_THAT(changed.out, HasSubstr("a5a5"));
  ExpectVerified(base);
  ExpectVerified(base + ",overlay=" + Path("another"));
}

TEST_F(DiskTest, ABaseServesManyAtOnceAndStaysReadOnly) {
  const std::string base = MakeDisk("base");
  std::filesystem::permissions(base, std::filesystem::perms::owner_read);
  const CommandResult result =
      Block("write", {base + ",overlay=memory", base + ",overlay=" + Path("upper"), base + ",ro"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST_F(DiskTest, AFullOverlayIsAnErrorToTheGuestAndAnEventToUs) {
  const std::string base = MakeDisk("base");
  const CommandResult result =
      Block("write", {base + ",overlay=memory,cap=256K", base + ",overlay=memory"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("disk 0: write at sector"));
  EXPECT_THAT(result.out, HasSubstr("disk 1: verified")) << "another disk suffers";
  EXPECT_THAT(result.err, HasSubstr("mayfly: disk 0 (" + base + ")"));
  EXPECT_THAT(result.err, HasSubstr("I/O error"));
}

TEST_F(DiskTest, AFullFileSystemIsAnErrorToTheGuestAndAnEventToUs) {
  const std::string folder = Path("small");
  ASSERT_TRUE(std::filesystem::create_directory(folder));
  const std::string disk = folder + "/disk";
  for (const char* engine : {"sync", "uring"}) {
    Command command =
        RunGuest("block", {"--cmdline", "write", "--disk", disk + ",engine=" + engine});
    // A disk that has more sectors than its file system has room for.
    command.Prepare([&] {
      MountSmall(folder, "256k");
      std::ofstream(disk).flush();
      std::filesystem::resize_file(disk, kSectors * kSectorBytes);
    });
    const CommandResult result = command.Run();
    EXPECT_EQ(result.exit_code, 1) << engine;
    EXPECT_THAT(result.out, HasSubstr("disk 0: write at sector")) << engine;
    EXPECT_THAT(result.err, StartsWith("mayfly: disk 0 (" + disk + "): writing ")) << engine;
    EXPECT_THAT(result.err, HasSubstr("No space left on device: the guest got an I/O error; make "
                                      "room on the host's file system\n"))
        << engine;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

TEST_F(DiskTest, LimitsThatAreFarAwayChangeNothing) {
  ExpectVerified(MakeDisk("disk") + ",iops=1000000:1000,bps=1T,ro");
}

TEST_F(DiskTest, DirectOnesWorkWhereTheFileSystemAllows) {
  const std::string disk = MakeDisk("disk");
  // We ask the file system ourselves: tmpfs before Linux 6.6, for one, has none.
  if (!OwnedFd(::open(disk.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC)).valid()) {
    GTEST_SKIP() << "runs on file systems that have O_DIRECT, such as ext4 (--test_tmpdir): "
                 << std::strerror(errno);
  }
  ExpectVerified(disk + ",direct");
}

TEST_F(DiskTest, WhatIsNoOverlayIsRefused) {
  const std::string base = MakeDisk("base");
  const std::string garbage = MakeFile("garbage", std::string(100'000, 'x'));
  const CommandResult result = Block("verify", {base + ",overlay=" + garbage});
  EXPECT_EQ(result.exit_code, kUsage);
  EXPECT_THAT(result.err, HasSubstr(garbage));
  EXPECT_EQ(std::filesystem::file_size(garbage), 100'000U) << "it was written to";
}

TEST_F(DiskTest, OverlaysOfAnotherBaseAreRefused) {
  const std::string upper = Path("upper");
  EXPECT_EQ(Block("write", {MakeDisk("base") + ",overlay=" + upper}).exit_code, 0);
  const std::string other = MakeSparseFile("other", uint64_t{3} << 20);
  const CommandResult result = Block("verify", {other + ",overlay=" + upper});
  EXPECT_EQ(result.exit_code, kUsage);
  EXPECT_THAT(result.err, HasSubstr(upper));
}

TEST_F(DiskTest, OverlaysInUseAreRefused) {
  const std::string disk = MakeDisk("base") + ",overlay=" + Path("upper");
  Command first = RunGuest("echo", {"--disk", disk});
  first.Start();
  first.AwaitOutput("ready");
  const CommandResult second = Block("verify", {disk});
  EXPECT_EQ(second.exit_code, kUsage);
  EXPECT_THAT(second.err, HasSubstr("in use"));
  first.Write("quit\n");
  EXPECT_EQ(first.Wait().exit_code, 0);
}

TEST_F(DiskTest, AnOverlayThatCannotBeMadeIsNamed) {
  const CommandResult result = Block("verify", {MakeDisk("base") + ",overlay=/nonexistent/upper"});
  EXPECT_EQ(result.exit_code, kUsage);
  EXPECT_THAT(result.err, HasSubstr("overlay /nonexistent/upper"));
}

TEST_F(DiskTest, MoreThanSixteenOfThem) {
  const std::string base = MakeDisk("base");
  std::vector<std::string> disks;
  for (int count = 0; count < 9; ++count) {
    disks.push_back(base + ",ro");
    disks.push_back(base + ",overlay=memory");
  }
  const CommandResult result = Block("verify", disks, "2");
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("18 disks"));
  EXPECT_THAT(result.out, HasSubstr("disk 17: verified"));
}

}  // namespace
}  // namespace mayfly::testing
