#include "api/host/host_budget.h"

#include <capnp/message.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kMany = 1'000'000;
constexpr uint32_t kConnections = 100;
constexpr uint64_t kFilesBeforeVms = HostBudget::kOwnFiles + kConnections;

class HostBudgetTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~HostBudgetTest() noexcept override = default;
  HostBudgetTest() { config_.setConnections(kConnections); }

  absl::StatusOr<HostBudget> Reckon(uint64_t open_files, uint64_t pids) {
    return HostBudget::Reckon(config_.asReader(), open_files,
                              {.pids = pids, .remedy = "have more processes"});
  }

  capnp::MallocMessageBuilder message_;
  rpc::HostConfig::Builder config_ = message_.initRoot<rpc::HostConfig>();
};

TEST_F(HostBudgetTest, ThereAreAsManyVmsAsFilesAreEnoughFor) {
  const uint64_t for_ten = kFilesBeforeVms + 10 * HostBudget::kFilesPerVm;
  EXPECT_EQ(Reckon(for_ten - 1, kMany)->total.machines, 9U);
  EXPECT_EQ(Reckon(for_ten, kMany)->total.machines, 10U);
  EXPECT_THAT(Reckon(for_ten, kMany)->warnings, IsEmpty()) << "nobody asked for more";
}

TEST_F(HostBudgetTest, ThereAreAsManyVmsAsPidsAreEnoughFor) {
  const uint64_t for_ten = HostBudget::kOwnPids + 10 * HostBudget::kPidsPerVm;
  EXPECT_EQ(Reckon(kMany, for_ten - 1)->total.machines, 9U);
  EXPECT_EQ(Reckon(kMany, for_ten)->total.machines, 10U);
  EXPECT_THAT(Reckon(kMany, for_ten)->warnings, IsEmpty()) << "nobody asked for more";
}

TEST_F(HostBudgetTest, FewerThanAreConfiguredAreWarnedOf) {
  config_.getTotal().setMachines(11);
  const uint64_t files = kFilesBeforeVms + 10 * HostBudget::kFilesPerVm;
  const uint64_t pids = HostBudget::kOwnPids + 9 * HostBudget::kPidsPerVm;
  EXPECT_THAT(Reckon(kMany, kMany)->warnings, IsEmpty());
  EXPECT_EQ(Reckon(kMany, kMany)->total.machines, 11U);
  EXPECT_THAT(Reckon(files, kMany)->warnings,
              ElementsAre(AllOf(HasSubstr("total.machines: of the 11 VMs, 10 can be had: "),
                                HasSubstr("LimitNOFILE="))));
  EXPECT_THAT(Reckon(kMany, pids)->warnings,
              ElementsAre("total.machines: of the 11 VMs, 9 can be had: have more processes"));
  EXPECT_EQ(Reckon(files, pids)->total.machines, 9U);
}

TEST_F(HostBudgetTest, RoomForNoVmIsAnErrorThatSaysWhatToDo) {
  // Half of them are for connections.
  const uint64_t too_few = 2 * (HostBudget::kOwnFiles + HostBudget::kFilesPerVm - 1);
  const absl::Status files = Reckon(too_few, kMany).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(files)) << files;
  EXPECT_THAT(files.ToString(), HasSubstr("ulimit -Hn"));
  const absl::Status pids =
      Reckon(kMany, HostBudget::kOwnPids + HostBudget::kPidsPerVm - 1).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(pids)) << pids;
  EXPECT_THAT(pids.ToString(), HasSubstr("have more processes"));
}

TEST_F(HostBudgetTest, NoMoreConnectionsAreReckonedWithThanFilesAreEnoughFor) {
  constexpr uint64_t kFiles = 1000;
  EXPECT_EQ(Reckon(kFiles, kMany)->connections, kConnections);
  config_.setConnections(kFiles);
  const auto budget = Reckon(kFiles, kMany);
  EXPECT_EQ(budget->connections, kFiles / 2);
  EXPECT_THAT(budget->warnings, ElementsAre(HasSubstr("connections: of the 1000, 500 can be had")));
}

TEST_F(HostBudgetTest, ThisHostHasRoom) {
  const auto budget = HostBudget::Make(config_.asReader());
  ASSERT_TRUE(budget.ok()) << budget.status();
  EXPECT_GE(budget->total.machines, 1U);
  EXPECT_LE(budget->total.machines * HostBudget::kFilesPerVm, budget->open_files);
}

}  // namespace
}  // namespace mayfly::api
