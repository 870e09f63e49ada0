#include "base/event_loop.h"

#include <atomic>
#include <memory>
#include <thread>

#include "base/event_fd.h"
#include "base/timer.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

// A loop on a thread of its own for the length of a test.
class EventLoopTest : public testing::Test {
 protected:
  EventLoopTest() : loop_(EventLoop::Create().value()) {}
  void TearDown() override { Finish(); }
  void Start() {
    thread_ = std::thread([this] { loop_->Run(); });
  }
  void Finish() {
    loop_->Stop();
    if (thread_.joinable()) thread_.join();
  }

  std::unique_ptr<EventLoop> loop_;
  std::thread thread_;
};

TEST_F(EventLoopTest, CallsTheHandlerOfAReadableFd) {
  const EventFd event = EventFd::Create().value();
  ASSERT_TRUE(loop_
                  ->Watch(event.fd(),
                          [&] {
                            event.Drain();
                            loop_->Stop();
                          })
                  .ok());
  event.Signal();
  loop_->Run();  // returns: the handler ran
  EXPECT_FALSE(event.Drain());
}

TEST_F(EventLoopTest, HeldHandlersWaitWhilePostedWorkIsDone) {
  const EventFd event = EventFd::Create().value();
  std::atomic<int> calls = 0;
  ASSERT_TRUE(loop_
                  ->Watch(event.fd(),
                          [&] {
                            event.Drain();
                            ++calls;
                          })
                  .ok());
  loop_->Announce();  // what follows is the loop's to do
  Start();
  loop_->RunSync([this] { loop_->Hold(); });
  event.Signal();
  bool posted = false;
  loop_->Post([&posted] { posted = true; });
  loop_->RunSync([] {});
  EXPECT_TRUE(posted);
  EXPECT_EQ(calls, 0);
  loop_->RunSync([this] { loop_->Release(); });
  while (calls == 0) std::this_thread::yield();
}

TEST_F(EventLoopTest, AHeldLoopCanBeStopped) {
  loop_->Announce();
  Start();
  loop_->RunSync([this] { loop_->Hold(); });
  Finish();  // returns
}

TEST_F(EventLoopTest, ATimerFires) {
  const Timer timer = Timer::Create().value();
  ASSERT_TRUE(loop_
                  ->Watch(timer.fd(),
                          [&] {
                            EXPECT_TRUE(timer.Drain());
                            loop_->Stop();
                          })
                  .ok());
  timer.Arm(std::chrono::microseconds(1));
  loop_->Run();
}

TEST_F(EventLoopTest, ADisarmedTimerDoesNot) {
  const Timer timer = Timer::Create().value();
  timer.Arm(std::chrono::milliseconds(1));
  timer.Disarm();
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  EXPECT_FALSE(timer.Drain());
}

TEST_F(EventLoopTest, UnwatchHoldsEvenForAFetchedEvent) {
  const EventFd a = EventFd::Create().value();
  const EventFd b = EventFd::Create().value();
  int calls = 0;
  // Both are readable in one batch: whichever comes first removes the other.
  ASSERT_TRUE(loop_
                  ->Watch(a.fd(),
                          [&] {
                            ++calls;
                            loop_->Unwatch(b.fd());
                            loop_->Stop();
                          })
                  .ok());
  ASSERT_TRUE(loop_
                  ->Watch(b.fd(),
                          [&] {
                            ++calls;
                            loop_->Unwatch(a.fd());
                            loop_->Stop();
                          })
                  .ok());
  a.Signal();
  b.Signal();
  loop_->Run();
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, AHandlerMayUnwatchItself) {
  const EventFd event = EventFd::Create().value();
  auto guard = std::make_shared<int>(0);
  ASSERT_TRUE(loop_
                  ->Watch(event.fd(),
                          [this, &event, guard] {
                            loop_->Unwatch(event.fd());
                            ++*guard;  // the closure is still alive
                            loop_->Stop();
                          })
                  .ok());
  event.Signal();
  loop_->Run();
  EXPECT_EQ(*guard, 1);
}

TEST_F(EventLoopTest, AnFdIsWatchedOnce) {
  const EventFd event = EventFd::Create().value();
  ASSERT_TRUE(loop_->Watch(event.fd(), [] {}).ok());
  EXPECT_FALSE(loop_->Watch(event.fd(), [] {}).ok());
}

TEST_F(EventLoopTest, RunSyncRunsOnTheLoopsThreadAndWaits) {
  Start();
  std::atomic<std::thread::id> ran_on;
  // The loop may not have begun yet, and then the caller runs the work itself: wait until it has.
  while (ran_on.load() != thread_.get_id()) {
    loop_->RunSync([&] { ran_on = std::this_thread::get_id(); });
  }
  EXPECT_EQ(ran_on.load(), thread_.get_id());
}

TEST_F(EventLoopTest, RunSyncWithinTheLoopRunsAtOnce) {
  bool inner = false;
  loop_->Post([&] {
    loop_->RunSync([&] { inner = true; });
    EXPECT_TRUE(inner);
    loop_->Stop();
  });
  loop_->Run();
  EXPECT_TRUE(inner);
}

TEST_F(EventLoopTest, RunSyncAfterTheEndRunsHere) {
  Start();
  Finish();
  std::thread::id ran_on;
  loop_->RunSync([&] { ran_on = std::this_thread::get_id(); });
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(EventLoopTest, ManyThreadsPostAndStopLosesNoRunSync) {
  Start();
  constexpr int kThreads = 4;
  constexpr int kCalls = 200;
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < kCalls; ++call) loop_->RunSync([&] { ++done; });
    });
  }
  loop_->Stop();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, kThreads * kCalls);
}

// A vCPU may activate its device before the io thread has come alive: whoever runs the work, it is
// never two at once.
TEST_F(EventLoopTest, OneAtATimeEvenWhileTheLoopBegins) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  int counter = 0;  // not atomic: what is under test guards it
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < kCalls; ++call) {
        loop_->RunSync([&] {
          ++counter;
          loop_->RunSync([&] { ++counter; });
        });
      }
    });
  }
  Start();
  for (std::thread& thread : threads) thread.join();
  Finish();
  EXPECT_EQ(counter, 2 * kThreads * kCalls);
}

TEST_F(EventLoopTest, RunSyncWaitsForALoopThatIsAnnounced) {
  loop_->Announce();
  std::thread::id worked;
  std::thread caller([&] { loop_->RunSync([&] { worked = std::this_thread::get_id(); }); });
  // Time enough for a caller that does not wait.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::thread loop([&] { loop_->Run(); });
  caller.join();
  EXPECT_EQ(worked, loop.get_id());
  loop_->Stop();
  loop.join();
}

TEST_F(EventLoopTest, StoppedSinceItWasAnnouncedItServesThoseWhoWait) {
  loop_->Announce();
  std::thread::id worked;
  std::thread caller([&] { loop_->RunSync([&] { worked = std::this_thread::get_id(); }); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  loop_->Stop();
  std::thread loop([&] { loop_->Run(); });
  const std::thread::id loop_thread = loop.get_id();
  caller.join();
  loop.join();
  EXPECT_EQ(worked, loop_thread);
}

TEST_F(EventLoopTest, StoppedBeforeItBegan) {
  loop_->Stop();
  loop_->Run();  // returns
}

}  // namespace
}  // namespace mayfly
