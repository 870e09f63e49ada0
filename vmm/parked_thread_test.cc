#include "vmm/parked_thread.h"

#include <atomic>

#include "gtest/gtest.h"

namespace mayfly::vmm {
namespace {

TEST(ParkedThreadTest, PreparesThenWorks) {
  std::atomic<int> step = 0;
  {
    auto thread = ParkedThread::Start("test", [&] {
      EXPECT_EQ(step.exchange(1), 0);
      return absl::OkStatus();
    });
    ASSERT_TRUE(thread.ok());
    thread->Release([&](const absl::Status& prepared) {
      EXPECT_TRUE(prepared.ok());
      EXPECT_EQ(step.exchange(2), 1);
    });
  }
  EXPECT_EQ(step, 2);
}

TEST(ParkedThreadTest, WithoutWorkItJustEnds) {
  std::atomic<bool> prepared = false;
  {
    const auto thread = ParkedThread::Start("test", [&] {
      prepared = true;
      return absl::OkStatus();
    });
    ASSERT_TRUE(thread.ok());
  }
  EXPECT_TRUE(prepared);
}

TEST(ParkedThreadTest, TheWorkHearsOfAFailedPreparation) {
  std::atomic<bool> failed = false;
  {
    auto thread = ParkedThread::Start("test", [] { return absl::InternalError("no"); });
    ASSERT_TRUE(thread.ok());
    thread->Release([&](const absl::Status& prepared) { failed = !prepared.ok(); });
  }
  EXPECT_TRUE(failed);
}

TEST(ParkedThreadTest, CanBeMoved) {
  std::atomic<bool> worked = false;
  {
    auto thread = ParkedThread::Start("test", nullptr);
    ASSERT_TRUE(thread.ok());
    ParkedThread moved = *std::move(thread);
    moved.Release([&](const absl::Status&) { worked = true; });
  }
  EXPECT_TRUE(worked);
}

}  // namespace
}  // namespace mayfly::vmm
