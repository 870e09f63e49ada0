// Hosts that do not let us have io_uring, or take it away: a seccomp filter for one thread plays
// them.

#include <fcntl.h>
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/disk/disk_opener.h"

namespace mayfly::virtio {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kDiskSize = 64 * kSectorSize;

// From now on, `call` is answered with `error` on this thread.
void Refuse(int call, int error) {
  const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
  ASSERT_NE(filter, nullptr);
  ASSERT_EQ(::seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<uint16_t>(error)), call, 0), 0);
  ASSERT_EQ(::seccomp_load(filter), 0);
  ::seccomp_release(filter);
}

class Count final : public BlockCompletion {
 public:
  void OnCompleted(BlockRequest& /*request*/, int error) override {
    ++completed;
    if (error != 0) ++failed;
  }
  void OnBatchCompleted() override {}
  unsigned completed = 0;
  unsigned failed = 0;
};

class UringRefusalTest : public ::testing::Test {
 protected:
  UringRefusalTest() {
    const int fd = ::mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    EXPECT_EQ(::ftruncate(fd, kDiskSize), 0);
    ::close(fd);
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  [[nodiscard]] absl::StatusOr<std::unique_ptr<BlockBackend>> Open(DiskEngine engine) const {
    return OpenDisk(OwnedFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC)), {}, engine, "root.img",
                    *io_);
  }
  // A thread of its own: what a filter refuses stays refused.
  static void OnThread(const std::function<void()>& work) { std::thread(work).join(); }
  // Reads and flushes, several at once, from a disk of zeroes.
  static void Use(BlockBackend& disk) {
    constexpr size_t kReads = 5;
    std::vector<std::byte> data(kReads * kSectorSize, std::byte{1});
    std::vector<iovec> pieces(kReads);
    std::vector<BlockRequest> requests(kReads + 1);
    Count count;
    for (size_t i = 0; i < kReads; ++i) {
      pieces[i] = {.iov_base = &data[i * kSectorSize], .iov_len = kSectorSize};
      requests[i].length = kSectorSize;
      requests[i].offset = i * kSectorSize;
      requests[i].buffers = std::span(&pieces[i], 1);
      disk.Submit(requests[i], count);
    }
    requests.back().operation = BlockOperation::kFlush;
    disk.Submit(requests.back(), count);
    disk.Commit();
    disk.Drain();
    EXPECT_EQ(count.completed, kReads + 1);
    EXPECT_EQ(count.failed, 0U);
    EXPECT_EQ(data, std::vector(data.size(), std::byte{0}));
  }

  std::string path_ = ::testing::TempDir() + "/uring_refusal_XXXXXX";
  const std::unique_ptr<EventLoop> io_ = EventLoop::Create().value();
};

TEST_F(UringRefusalTest, SaysThatThereIsNoneAndWhatToDo) {
  for (const int error : {ENOSYS, EPERM}) {
    OnThread([&] {
      Refuse(SCMP_SYS(io_uring_setup), error);
      const auto disk = Open(DiskEngine::kUring);
      EXPECT_EQ(disk.status().code(), absl::StatusCode::kUnavailable);
      EXPECT_THAT(std::string(disk.status().message()),
                  AllOf(HasSubstr("\"root.img\""), HasSubstr("synchronous engine")));
    });
  }
}

TEST_F(UringRefusalTest, DoesWithoutWhereNobodyInsists) {
  OnThread([&] {
    Refuse(SCMP_SYS(io_uring_setup), EPERM);
    const auto disk = Open(DiskEngine::kAuto);
    ASSERT_TRUE(disk.ok()) << disk.status();
    Use(**disk);
  });
}

TEST_F(UringRefusalTest, GoesOnWhenItIsTakenAway) {
  const auto disk = Open(DiskEngine::kUring).value();
  Use(*disk);
  OnThread([&] {
    Refuse(SCMP_SYS(io_uring_enter), EPERM);
    Use(*disk);
    Use(*disk);
  });
}

}  // namespace
}  // namespace mayfly::virtio
