#include "virtio/block/overlay/base_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/block_backend.h"

namespace mayfly::virtio {
namespace {

using ::testing::HasSubstr;

class BaseIdentityTest : public ::testing::Test {
 protected:
  BaseIdentityTest() : file_(::mkstemp(path_.data())) { Resize(1 << 20); }
  void TearDown() override { ::unlink(path_.c_str()); }

  void Resize(off_t size) const { ASSERT_EQ(::ftruncate(file_.get(), size), 0); }
  void Touch(time_t seconds) const {
    const std::array<timespec, 2> times = {{{.tv_sec = seconds, .tv_nsec = 7}, {seconds, 7}}};
    ASSERT_EQ(::futimens(file_.get(), times.data()), 0);
  }
  // The same time as before, as if nobody had written.
  void WriteByte(uint64_t offset) const {
    const std::array one = {std::byte{1}};
    ASSERT_TRUE(WriteFully(file_.get(), offset, one).ok());
    Touch(1000);
  }
  [[nodiscard]] auto Identify() const { return BaseIdentity::Of(file_.get(), "base.img"); }

  std::string path_ = ::testing::TempDir() + "/base_XXXXXX";
  const OwnedFd file_;
};

TEST_F(BaseIdentityTest, StaysTheSame) {
  Touch(1000);
  const BaseIdentity identity = Identify().value();
  EXPECT_EQ(identity.capacity, 1U << 20);
  EXPECT_EQ(identity.modified, 1000'000'000'007);
  EXPECT_EQ(identity, Identify().value());
}

TEST_F(BaseIdentityTest, SeesTheTimeOfAWrite) {
  Touch(1000);
  const BaseIdentity before = Identify().value();
  Touch(1001);
  EXPECT_NE(before, Identify().value());
}

TEST_F(BaseIdentityTest, SeesChangesAtBothEnds) {
  Touch(1000);
  BaseIdentity before = Identify().value();
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1080}, (uint64_t{1} << 20) - 1}) {
    WriteByte(offset);
    const BaseIdentity now = Identify().value();
    EXPECT_NE(before.sample, now.sample) << offset;
    before = now;
  }
}

TEST_F(BaseIdentityTest, TakesDisksOfAnySize) {
  for (const off_t size : {off_t{512}, off_t{5000 * 512 + 512}, off_t{100} << 30}) {
    Resize(size);
    EXPECT_TRUE(Identify().ok()) << size;
  }
}

TEST_F(BaseIdentityTest, RefusesWhatIsNoDisk) {
  for (const off_t size : {off_t{0}, off_t{1000}}) {
    Resize(size);
    const auto identity = Identify();
    EXPECT_EQ(identity.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(identity.status().message()), HasSubstr("\"base.img\""));
  }
}

}  // namespace
}  // namespace mayfly::virtio
