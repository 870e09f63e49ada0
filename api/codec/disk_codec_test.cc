#include "api/codec/disk_codec.h"

#include <capnp/message.h>
#include <kj/async-io.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <string>
#include <utility>

#include "api/codec/fd_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::HasSubstr;

OwnedFd MakeFile() { return OwnedFd(::memfd_create("disk_codec_test", MFD_CLOEXEC)); }

ino_t Inode(const OwnedFd& fd) {
  struct stat info {};
  EXPECT_EQ(::fstat(fd.get(), &info), 0);
  return info.st_ino;
}

class DiskCodecTest : public ::testing::Test {
 protected:
  DiskCodecTest() : builder_(message_.initRoot<rpc::Disk>()) {}
  // KJ's destructors may throw, GoogleTest's may not.
  ~DiskCodecTest() noexcept override = default;

  absl::Status Decode() {
    FileArrivals arrivals;
    absl::Status status = DecodeDisk("disks[3]", builder_.asReader(), disk_, arrivals);
    if (!status.ok()) return status;
    return arrivals.Receive().wait(io_.waitScope);
  }
  std::string Error() {
    const absl::Status status = Decode();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  capnp::MallocMessageBuilder message_;
  rpc::Disk::Builder builder_;
  vmm::DiskConfig disk_;
};

TEST_F(DiskCodecTest, ComesBackAsItWent) {
  vmm::DiskConfig disk{
      .image = {MakeFile(), "base.img"},
      .serial = "abc",
      .engine = vmm::DiskEngine::kUring,
      .caching = vmm::DiskCaching::kDirect,
      .overlay = vmm::OverlayConfig{.upper = vmm::NamedFd{MakeFile(), "upper"}, .cap_bytes = 4096},
      .limits = {.operations = {.per_second = 1, .burst = 2},
                 .bytes = {.per_second = 3, .burst = UINT64_MAX}}};
  const ino_t image = Inode(disk.image.fd);
  const ino_t upper = Inode(disk.overlay->upper->fd);
  const virtio::RateLimits limits = disk.limits;
  EncodeDisk(std::move(disk), builder_);
  ASSERT_EQ(Decode(), absl::OkStatus());
  EXPECT_EQ(Inode(disk_.image.fd), image);
  EXPECT_EQ(disk_.image.name, "base.img");
  EXPECT_EQ(disk_.access, vmm::DiskAccess::kReadWrite);
  EXPECT_EQ(disk_.serial, "abc");
  EXPECT_EQ(disk_.engine, vmm::DiskEngine::kUring);
  EXPECT_EQ(disk_.caching, vmm::DiskCaching::kDirect);
  EXPECT_EQ(disk_.limits, limits);
  ASSERT_TRUE(disk_.overlay.has_value());
  EXPECT_EQ(disk_.overlay->cap_bytes, 4096U);
  ASSERT_TRUE(disk_.overlay->upper.has_value());
  EXPECT_EQ(Inode(disk_.overlay->upper->fd), upper);
  EXPECT_EQ(disk_.overlay->upper->name, "upper");
}

TEST_F(DiskCodecTest, DefaultsAreAPlainDisk) {
  EncodeDisk({.image = {MakeFile(), "a"}, .serial = {}, .overlay = {}, .limits = {}}, builder_);
  EXPECT_FALSE(builder_.hasOverlay());
  EXPECT_FALSE(builder_.hasLimits());
  ASSERT_EQ(Decode(), absl::OkStatus());
  EXPECT_EQ(disk_.engine, vmm::DiskEngine::kAuto);
  EXPECT_EQ(disk_.caching, vmm::DiskCaching::kHostCache);
  EXPECT_EQ(disk_.limits, virtio::RateLimits());
  EXPECT_FALSE(disk_.overlay.has_value());
}

TEST_F(DiskCodecTest, AnOverlayIsOfMemoryUnlessItHasAFile) {
  builder_.initImage().setFile(kj::heap<FdFile>(MakeFile()));
  builder_.initOverlay();
  ASSERT_EQ(Decode(), absl::OkStatus());
  ASSERT_TRUE(disk_.overlay.has_value());
  EXPECT_FALSE(disk_.overlay->upper.has_value());
}

TEST_F(DiskCodecTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(Error(), HasSubstr("disks[3].image: no file"));
  builder_.initImage().setFile(kj::heap<FdFile>(MakeFile()));
  builder_.setEngine(static_cast<rpc::DiskEngine>(77));
  EXPECT_THAT(Error(), HasSubstr("disks[3].engine"));
  builder_.setEngine(rpc::DiskEngine::SYNC);
  builder_.initOverlay().getUpper().initFile().setName("upper");
  EXPECT_THAT(Error(), HasSubstr("disks[3].overlay.upper: no file"));
}

}  // namespace
}  // namespace mayfly::api
