// VMs that their client changes while they run.

#include <fcntl.h>

#include <filesystem>

#include "tests/jail/rules_used_test.h"
#include "virtio/block/testing/loop_device.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;

using ApiRulesTest = RulesUsedTest;

TEST_F(ApiRulesTest, ChangesAndAClientThatGoes) {
  const std::string disk = MakeSparseFile("disk", uint64_t{1} << 20);
  const std::string behind = MakeSparseFile("behind", uint64_t{1} << 20);
  const OwnedFd file(::open(behind.c_str(), O_RDWR | O_CLOEXEC));
  const auto device = virtio::LoopDevice::Create(file.get());
  if (!device.ok()) GTEST_SKIP() << "runs where there are loop devices: " << device.status();
  Command client({fs::current_path() / "tests/jail/api_client", disk, device->path()},
                 {"MAYFLY_VMM=" + (fs::current_path() / "mayfly-vmm").string()},
                 fs::current_path());
  const CommandResult result = Follow(client).Run();
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

}  // namespace
}  // namespace mayfly::testing
