// block_bench BINARIES DIRECTORY [ROUNDS]: virtio-blk, measured by the guest
// blkbench on Mayfly and on QEMU microvm by turns, so that a noisy moment hits both alike. BINARIES
// is a folder laid out as Bazel's output. The disk is once a file in /dev/shm, so that nothing but
// the VMM is measured, and once a file in DIRECTORY with O_DIRECT. Prints JSON lines, as ci/bench
// describes.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "tests/bench/guest_bench.h"
#include "tests/bench/mayfly_subjects.h"
#include "tests/bench/qemu.h"

namespace mayfly::bench {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{256} << 20;
constexpr const char* kWords = "ms=500";  // of each case

struct Backing {
  std::string_view name;
  std::string path;
  std::string_view mayfly;  // behind the file's name in --disk
  std::string_view qemu;    // the caching of -drive
};

// QEMU at its best, as far as it is known: the disk in a thread of its own, and io_uring.
std::vector<std::string> Qemu(const std::string& kernel, const Backing& disk) {
  return QemuMicrovm(kernel, kWords,
                     {"-object", "iothread,id=io0", "-drive",
                      absl::StrCat("if=none,id=disk,format=raw,aio=io_uring,file=", disk.path,
                                   ",cache=", ToAbsl(disk.qemu)),
                      "-device", "virtio-blk-device,drive=disk,iothread=io0"});
}

std::vector<GuestSubject> Subjects(const std::string& binaries, const Backing& disk) {
  const std::string kernel = binaries + "/tests/guests/blkbench";
  std::vector<GuestSubject> subjects = MayflySubjects(
      binaries, kernel, kWords, {"--disk", absl::StrCat(disk.path, ToAbsl(disk.mayfly))});
  subjects.push_back({.name = "qemu", .argv = Qemu(kernel, disk), .status = kQemuStatus});
  return subjects;
}

std::vector<Figure> Evaluate(const GuestReport& report, const HostCost& cost) {
  std::vector<Figure> figures = {{"operations", "1/s", report.At("iops")},
                                 {"throughput", "MB/s", report.At("mbps")}};
  AddCosts(report, cost, figures);
  return figures;
}

// A file full of bytes that are no zeroes: reads of holes would be cheaper than they ought to be.
absl::Status MakeDisk(const std::string& path) {
  const OwnedFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus("making " + path);
  const std::vector<char> part(size_t{1} << 20, 'm');
  for (uint64_t done = 0; done < kDiskBytes; done += part.size()) {
    if (::write(fd.get(), part.data(), part.size()) != static_cast<ssize_t>(part.size())) {
      return ErrnoStatus("writing " + path);
    }
  }
  if (::fsync(fd.get()) != 0) return ErrnoStatus("writing " + path);
  return absl::OkStatus();
}

absl::Status Run(const std::string& binaries, const std::string& directory, int rounds) {
  const std::array backings = {
      Backing{.name = "page cache, ",
              .path = absl::StrCat("/dev/shm/mayfly-bench-", ::getpid()),
              .mayfly = "",
              .qemu = "writeback"},
      Backing{.name = "O_DIRECT, ",
              .path = absl::StrCat(directory, "/mayfly-bench-", ::getpid()),
              .mayfly = ",direct",
              .qemu = "none"}};
  const auto remove = absl::MakeCleanup([&] {
    for (const Backing& backing : backings) ::unlink(backing.path.c_str());
  });
  for (const Backing& backing : backings) MAYFLY_RETURN_IF_ERROR(MakeDisk(backing.path));
  GuestBench bench("block", Evaluate);
  for (int round = 0; round < rounds; ++round) {
    for (const Backing& backing : backings) {
      MAYFLY_RETURN_IF_ERROR(bench.Round(backing.name, Subjects(binaries, backing)));
    }
  }
  bench.Print(stdout);
  return absl::OkStatus();
}

}  // namespace
}  // namespace mayfly::bench

int main(int argc, char** argv) {
  using namespace mayfly::bench;
  return GuestBenchMain(
      std::span(argv, static_cast<size_t>(argc)), "block_bench", "BINARIES DIRECTORY",
      [](std::span<char* const> words, int rounds) { return Run(words[0], words[1], rounds); });
}
