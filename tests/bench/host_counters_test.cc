#include "tests/bench/host_counters.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/bench/counting_test.h"

namespace mayfly::bench {
namespace {

using ::testing::HasSubstr;

// With a tracefs of its own, which has what a test gives it.
class HostCountersTest : public CountingTest {
 protected:
  void SetUp() override {
    CountingTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Give(const std::string& tracepoint) const {
    const std::string event = folder_ + "/events/" + tracepoint;
    std::filesystem::create_directories(event);
    std::ofstream(event + "/id") << AnyId();
  }
  [[nodiscard]] absl::StatusOr<HostCounters> Attach() const {
    return HostCounters::Attach(::getpid(), {folder_});
  }

  std::string folder_ = ::testing::TempDir() + "/tracefs.XXXXXX";

 private:
  // Of an event that the kernel does have; which one is all the same.
  static int AnyId() {
    int id = 0;
    for (const std::string_view root : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
      std::ifstream file(std::string(root) + "/events/raw_syscalls/sys_enter/id");
      if (file >> id) break;
    }
    return id;
  }
};

TEST_F(HostCountersTest, WithoutATracepointThereIsNoCount) {
  const auto none = Attach();
  EXPECT_TRUE(absl::IsNotFound(none.status())) << none.status();
  EXPECT_THAT(std::string(none.status().message()), HasSubstr(folder_));

  for (const char* name : {"kvm/kvm_exit", "kvm/kvm_userspace_exit", "kvm/kvm_mmio",
                           "kvm/kvm_vcpu_wakeup", "raw_syscalls/sys_enter"}) {
    EXPECT_FALSE(Attach().ok()) << "without " << name;
    Give(name);
  }
  EXPECT_TRUE(Attach().ok()) << Attach().status();
}

TEST_F(HostCountersTest, ExitsFromTheGuestNeedNotBeTraced) {
  for (const char* name : {"kvm/kvm_userspace_exit", "kvm/kvm_mmio", "kvm/kvm_vcpu_wakeup",
                           "raw_syscalls/sys_enter"}) {
    Give(name);
  }
  const auto counters = Attach();
  ASSERT_TRUE(counters.ok()) << counters.status();
  const auto cost = counters->Read();
  ASSERT_TRUE(cost.ok()) << cost.status();
  EXPECT_EQ(cost->kvm_exits, 0U);
  EXPECT_GT(cost->syscalls, 0U);
}

}  // namespace
}  // namespace mayfly::bench
