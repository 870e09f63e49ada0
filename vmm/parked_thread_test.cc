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
    EXPECT_EQ(thread->AwaitPrepared(), absl::OkStatus());
    EXPECT_EQ(step, 1);
    thread->Release([&] { EXPECT_EQ(step.exchange(2), 1); });
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

TEST(ParkedThreadTest, AFailedPreparationIsTold) {
  std::atomic<bool> ended = false;
  {
    auto thread = ParkedThread::Start("test", [&] {
      ended = true;
      return absl::InternalError("no");
    });
    ASSERT_TRUE(thread.ok());
    EXPECT_EQ(thread->AwaitPrepared(), absl::InternalError("no"));
    EXPECT_EQ(thread->AwaitPrepared(), absl::InternalError("no"));
  }
  EXPECT_TRUE(ended);
}

TEST(ParkedThreadTest, CanBeMoved) {
  std::atomic<bool> worked = false;
  {
    auto thread = ParkedThread::Start("test", nullptr);
    ASSERT_TRUE(thread.ok());
    ParkedThread moved = *std::move(thread);
    moved.Release([&] { worked = true; });
  }
  EXPECT_TRUE(worked);
}

}  // namespace
}  // namespace mayfly::vmm
