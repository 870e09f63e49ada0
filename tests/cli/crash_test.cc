// A VMM that is killed under a guest that writes and flushes: what the guest was told to be safe is
// on the disk. The same disk goes on from kill to kill.
//
// $MAYFLY_CRASH_ROUNDS: how many kills of each test (10).

#include <fcntl.h>
#include <signal.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/owned_fd.h"
#include "tests/cli/cli_test.h"
#include "tests/guests/disk_writer_schedule.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kDiskBytes = uint64_t{8} << 20;
constexpr uint64_t kDiskSectors = kDiskBytes / 512;
constexpr uint64_t kMostBatches = 60;  // until a kill
constexpr int kVmmFailure = 125;
constexpr std::chrono::seconds kGrace{30};
constexpr std::chrono::milliseconds kStep{1};

uint64_t Rounds() {
  const char* const text = std::getenv("MAYFLY_CRASH_ROUNDS");
  return text == nullptr ? 10 : std::strtoull(text, nullptr, 10);
}

// The number of the last batch that the guest knew to be safe, as far as its words reached us.
uint64_t LastFlushed(const std::string& console) {
  constexpr std::string_view kWord = "flushed ";
  const size_t end = console.rfind('\n');
  if (end == std::string::npos) return 0;
  const size_t begin = console.rfind(kWord, end);
  if (begin == std::string::npos) return 0;
  return std::strtoull(console.c_str() + begin + kWord.size(), nullptr, 10);
}

std::vector<uint64_t> ReadWords(const std::string& path) {
  std::vector<uint64_t> words(kDiskBytes / sizeof(uint64_t));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(words.data()), static_cast<std::streamsize>(kDiskBytes));
  EXPECT_EQ(file.gcount(), static_cast<std::streamsize>(kDiskBytes)) << path;
  return words;
}

// The kernel ends a killed VMM in its own time, and its io_uring after that: until then it has the
// lock on the file.
void AwaitRelease(const std::string& path) {
  const OwnedFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct flock lock {};
  lock.l_type = F_WRLCK;
  const auto deadline = std::chrono::steady_clock::now() + kGrace;
  while (::fcntl(file.get(), F_OFD_SETLK, &lock) != 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << path << " is still locked";
    std::this_thread::sleep_for(kStep);
  }
}

class CrashTest : public CliTest {
 protected:
  // Kills of a VMM whose guest writes to `disk` (an option of mayfly run), and so to `file`;
  // `image` makes a file of the disk's content, and names it.
  template <typename Image>
  void KillAndLook(const std::string& disk, const std::string& file, Image image) {
    uint64_t flushed = 0;
    for (uint64_t round = 1; round <= Rounds() && !HasFailure(); ++round) {
      const uint64_t last = RunUntilKilled(disk, file, round);
      Check(ReadWords(image()), round, last);
      flushed += last;
    }
    std::ostringstream said;
    said << Rounds() << " kills, " << flushed << " batches flushed, " << newer_
         << " sectors newer than the last flush";
    std::cout << said.str() << "\n";
    EXPECT_GT(flushed, 0U) << "no guest came to a flush: nothing was tested";
  }

 private:
  uint64_t RunUntilKilled(const std::string& disk, const std::string& file, uint64_t round) {
    Command command =
        RunGuest("disk_writer", {"--disk", disk, "--cmdline", "round=" + std::to_string(round)});
    command.Start();
    command.AwaitOutput("flushed " + std::to_string(1 + random_() % kMostBatches) + "\n");
    // Anywhere between two flushes.
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 2000));
    std::ifstream children("/proc/" + std::to_string(command.pid()) + "/task/" +
                           std::to_string(command.pid()) + "/children");
    pid_t vmm = 0;
    EXPECT_TRUE(children >> vmm);
    ::kill(vmm, SIGKILL);
    const CommandResult result = command.Wait();
    EXPECT_EQ(result.exit_code, kVmmFailure) << result.err;
    AwaitRelease(file);
    return LastFlushed(result.out);
  }

  // Each sector holds what it held before the round, if no batch that was flushed has written it,
  // or what the last of those wrote, or something of a later batch.
  void Check(const std::vector<uint64_t>& words, uint64_t round, uint64_t flushed) {
    std::unordered_map<uint64_t, uint64_t> least;  // by sector
    const auto for_each_sector = [&](uint64_t batch, auto function) {
      for (uint64_t index = 0; index < kWritesPerBatch; ++index) {
        const ScheduledWrite write = WriteOf(round, batch, index, kDiskSectors);
        for (uint64_t at = 0; at < write.sectors; ++at) function(write.sector + at);
      }
    };
    for (uint64_t batch = 1; batch <= flushed; ++batch) {
      for_each_sector(batch, [&](uint64_t sector) { least[sector] = batch; });
    }
    held_.resize(kDiskSectors);
    for (uint64_t sector = 0; sector < kDiskSectors; ++sector) {
      const uint64_t* const held = &words[sector * kSectorWords];
      const auto must = least.find(sector);
      const uint64_t expected =
          must == least.end() ? held_[sector] : SectorWord(round, must->second, sector);
      if (held[0] != expected) {
        // Its number is in it: does the schedule have it there?
        const uint64_t batch = held[0] >> 24 & 0xff'ffff;
        bool scheduled = false;
        if (batch > flushed && batch < flushed + kMostBatches) {
          for_each_sector(batch, [&](uint64_t at) { scheduled |= at == sector; });
        }
        ASSERT_TRUE(scheduled && held[0] == SectorWord(round, batch, sector))
            << "round " << round << ", flushed " << flushed << ": sector " << sector << " holds "
            << std::hex << held[0] << ", not " << expected;
        ++newer_;
      }
      for (uint64_t at = 1; at < kSectorWords; ++at) {
        ASSERT_EQ(held[at], held[0]) << "sector " << sector << " is torn";
      }
      held_[sector] = held[0];
    }
  }

  std::mt19937_64 random_{std::random_device()()};
  std::vector<uint64_t> held_;
  uint64_t newer_ = 0;
};

TEST_F(CrashTest, WhatWasFlushedIsInARawDisk) {
  const std::string disk = MakeSparseFile("disk", kDiskBytes);
  KillAndLook(disk, disk, [&]() -> const std::string& { return disk; });
}

TEST_F(CrashTest, WhatWasFlushedIsInAFileOverlay) {
  const std::string base = MakeSparseFile("base", kDiskBytes);
  const std::string upper = Path("upper");
  const std::string image = Path("image");
  KillAndLook(base + ",overlay=" + upper, upper, [&]() -> const std::string& {
    std::filesystem::remove(image);
    const CommandResult result = Mayfly({"disk", "flatten", upper, base, image}).Run();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return image;
  });
  const CommandResult info = Mayfly({"disk", "info", upper}).Run();
  EXPECT_THAT(info.out, HasSubstr("its last VM was killed"));
}

}  // namespace
}  // namespace mayfly::testing
