// VMs with disks.

#include <fcntl.h>

#include <string>

#include "tests/jail/rules_used_test.h"
#include "virtio/block/testing/loop_device.h"

namespace mayfly::testing {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{1} << 20;

class DiskRulesTest : public RulesUsedTest {
 protected:
  // A guest that writes, reads and discards all over it.
  void Use(const std::string& disk) const {
    for (const char* words : {"write discard", "write discard stable"}) {
      SCOPED_TRACE(disk + ": " + words);
      Expect0("block", {"--disk", disk, "--cpus", "2", "--cmdline", words});
    }
  }
};

TEST_F(DiskRulesTest, Files) {
  const std::string disk = MakeSparseFile("disk", kDiskBytes);
  for (const char* engine : {",engine=uring", ",engine=sync"}) Use(disk + engine);
}

TEST_F(DiskRulesTest, BlockDevices) {
  const std::string path = MakeSparseFile("disk", kDiskBytes);
  const OwnedFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const auto device = virtio::LoopDevice::Create(file.get());
  if (!device.ok()) GTEST_SKIP() << "runs where there are loop devices: " << device.status();
  for (const char* engine : {",engine=uring", ",engine=sync"}) Use(device->path() + engine);
}

TEST_F(DiskRulesTest, Overlays) {
  const std::string base = MakeSparseFile("base", kDiskBytes);
  Use(base + ",overlay=memory");
  Use(base + ",overlay=" + Path("upper"));
}

TEST_F(DiskRulesTest, Limits) {
  Expect0("block",
          {"--disk", MakeSparseFile("disk", kDiskBytes) + ",iops=50:1", "--cmdline", "write"});
}

}  // namespace
}  // namespace mayfly::testing
