// What is encoded is decoded to the same; what cannot be decoded is refused by the name of its
// field.

#include <capnp/any.h>
#include <capnp/message.h>
#include <fcntl.h>
#include <kj/async-io.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <string>

#include "api/codec/enum_name.h"
#include "api/codec/exit_status_codec.h"
#include "api/codec/fd_file.h"
#include "api/codec/machine_spec.h"
#include "api/codec/rpc_status.h"
#include "api/codec/timeline_codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::HasSubstr;

OwnedFd MakeFile() { return OwnedFd(::memfd_create("codec_test", MFD_CLOEXEC)); }

ino_t Inode(const OwnedFd& fd) {
  struct stat info {};
  EXPECT_EQ(::fstat(fd.get(), &info), 0);
  return info.st_ino;
}

class SpecTest : public ::testing::Test {
 protected:
  SpecTest() : params_(message_.initRoot<rpc::Vmm::CreateParams>()) {}
  // KJ's destructors may throw, GoogleTest's may not.
  ~SpecTest() noexcept override = default;

  MachineSpec Decode() { return std::move(*DecodeSpec(params_.asReader()).wait(io_.waitScope)); }

  std::string ErrorOfDecoding() {
    std::string message;
    kj::evalNow([this] { return DecodeSpec(params_.asReader()); })
        .then([](kj::Own<MachineSpec>) { ADD_FAILURE() << "it was taken"; },
              [&message](kj::Exception&& exception) {
                const absl::Status status = FromException(exception);
                EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
                message = std::string(status.message());
              })
        .wait(io_.waitScope);
    return message;
  }

  // The least that is taken.
  void FillMinimum() {
    params_.setKvm(kj::heap<FdFile>(MakeFile()));
    params_.initSpec().initKernel().setFile(kj::heap<FdFile>(MakeFile()));
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  capnp::MallocMessageBuilder message_;
  rpc::Vmm::CreateParams::Builder params_;
};

TEST_F(SpecTest, ComesBackAsItWent) {
  MachineSpec spec;
  spec.timeout = std::chrono::milliseconds(1500);
  vmm::MachineConfig& machine = spec.machine;
  machine.kvm = MakeFile();
  machine.cpus = 3;
  machine.memory_bytes = uint64_t{5} << 30;
  machine.memory = {.backing = GuestMemory::Backing::kMemfd, .pages = GuestMemory::Pages::kHugeTlb};
  machine.kernel = {MakeFile(), "vmlinux"};
  machine.initrd = vmm::NamedFd{MakeFile(), "initrd.img"};
  machine.command_line = "console=ttyS0";
  machine.boot_protocol = vmm::BootProtocol::kLinux64;
  machine.disks.push_back(
      {.image = {MakeFile(), "a"}, .access = vmm::DiskAccess::kReadOnly, .serial = "one"});
  machine.disks.push_back({.image = {MakeFile(), "b"}, .serial = {}});
  machine.nets.emplace_back().name = "nowhere";
  machine.cpu_profile.emplace().kind = vmm::KvmKind::kSoftware;
  machine.cpu_profile->supported.resize(2);
  machine.cpu_profile->supported[1].function = 7;
  machine.cpu_profile->supported[1].edx = 0xffffffff;
  const ino_t kvm = Inode(machine.kvm);
  const ino_t kernel = Inode(machine.kernel.fd);
  const ino_t second_disk = Inode(machine.disks[1].image.fd);

  EncodeSpec(std::move(spec), params_);
  const MachineSpec decoded = Decode();
  const vmm::MachineConfig& back = decoded.machine;
  EXPECT_EQ(decoded.timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(Inode(back.kvm), kvm);
  EXPECT_EQ(back.cpus, 3U);
  EXPECT_EQ(back.memory_bytes, uint64_t{5} << 30);
  EXPECT_EQ(back.memory.backing, GuestMemory::Backing::kMemfd);
  EXPECT_EQ(back.memory.pages, GuestMemory::Pages::kHugeTlb);
  EXPECT_EQ(Inode(back.kernel.fd), kernel);
  EXPECT_EQ(back.kernel.name, "vmlinux");
  ASSERT_TRUE(back.initrd.has_value());
  EXPECT_EQ(back.initrd->name, "initrd.img");
  EXPECT_EQ(back.command_line, "console=ttyS0");
  EXPECT_EQ(back.boot_protocol, vmm::BootProtocol::kLinux64);
  ASSERT_EQ(back.disks.size(), 2U);
  EXPECT_EQ(back.disks[0].access, vmm::DiskAccess::kReadOnly);
  EXPECT_EQ(back.disks[0].serial, "one");
  EXPECT_EQ(back.disks[1].access, vmm::DiskAccess::kReadWrite);
  EXPECT_EQ(Inode(back.disks[1].image.fd), second_disk);
  ASSERT_EQ(back.nets.size(), 1U);
  EXPECT_EQ(back.nets[0].name, "nowhere");
  ASSERT_TRUE(back.cpu_profile.has_value());
  EXPECT_EQ(back.cpu_profile->kind, vmm::KvmKind::kSoftware);
  ASSERT_EQ(back.cpu_profile->supported.size(), 2U);
  EXPECT_EQ(back.cpu_profile->supported[1].function, 7U);
  EXPECT_EQ(back.cpu_profile->supported[1].edx, 0xffffffff);
}

TEST_F(SpecTest, DefaultsAreTheSchemas) {
  FillMinimum();
  const MachineSpec spec = Decode();
  EXPECT_EQ(spec.machine.cpus, 1U);
  EXPECT_EQ(spec.machine.memory_bytes, uint64_t{128} << 20);
  EXPECT_EQ(spec.timeout, Nanoseconds::zero());
  EXPECT_FALSE(spec.machine.initrd.has_value());
  EXPECT_FALSE(spec.machine.cpu_profile.has_value());
  EXPECT_EQ(spec.machine.memory.backing, GuestMemory::Backing::kAnonymous);
}

TEST_F(SpecTest, MissingFilesAreNamed) {
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("kvm: no file"));
  params_.setKvm(kj::heap<FdFile>(MakeFile()));
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("kernel: no file"));
  FillMinimum();
  params_.getSpec().initInitrd().setName("x");
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("initrd: no file"));
  FillMinimum();
  params_.getSpec().initDisks(2)[0].initImage().setFile(kj::heap<FdFile>(MakeFile()));
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("disks[1].image: no file"));
}

// A capability that is no open file.
class NoFile final : public rpc::File::Server {};

TEST_F(SpecTest, CapabilitiesWithoutADescriptorAreNamed) {
  FillMinimum();
  params_.getSpec().initDisks(1)[0].initImage().setFile(kj::heap<NoFile>());
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("disks[0].image: the capability carries no"));
}

TEST_F(SpecTest, WhatCannotBeReadIsAnError) {
  constexpr unsigned kCommandLine = 2;  // the number of its pointer
  FillMinimum();
  // Where a text should be.
  capnp::toAny(params_.getSpec()).getPointerSection()[kCommandLine].initAsAnyStruct(1, 0);
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("spec: it cannot be read: "));
}

TEST_F(SpecTest, ValuesOutOfTheirRangeAreNamed) {
  FillMinimum();
  params_.getSpec().setBootProtocol(static_cast<rpc::BootProtocol>(77));
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("bootProtocol"));
  FillMinimum();
  params_.getSpec().setMemoryBacking(static_cast<rpc::MemoryBacking>(77));
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("memoryBacking"));
  FillMinimum();
  params_.getSpec().setTimeoutNanoseconds(UINT64_MAX);
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("timeoutNanoseconds"));
  FillMinimum();
  auto disk = params_.getSpec().initDisks(1)[0];
  disk.initImage().setFile(kj::heap<FdFile>(MakeFile()));
  disk.setSerial("twenty-one characters");
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("disks[0].serial"));
  FillMinimum();
  params_.getSpec().initDisks(1000);
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("disks: "));
  FillMinimum();
  params_.getSpec().initNets(1000);
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("nets: "));
  FillMinimum();
  params_.getSpec().initNets(1)[0].setMtu(1);
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("nets[0].mtu"));
  FillMinimum();
  params_.getSpec().initCpuProfile().initEntries(vmm::CpuProfile::kMaxEntries + 1);
  EXPECT_THAT(ErrorOfDecoding(), HasSubstr("cpuProfile.entries: there are 257"));
}

TEST_F(SpecTest, TooManyCpusDoNotBecomeFew) {
  MachineSpec spec;
  spec.machine.kvm = MakeFile();
  spec.machine.kernel = {MakeFile(), "vmlinux"};
  spec.machine.cpus = (1U << 16) + 1;
  EncodeSpec(std::move(spec), params_);
  EXPECT_EQ(Decode().machine.cpus, UINT16_MAX);
}

TEST(ExitStatusCodec, ComesBackAsItWent) {
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<rpc::ExitStatus>();
  EncodeExitStatus({.reason = vmm::ExitReason::kStatus, .status = 200, .detail = "said"}, builder);
  const vmm::ExitStatus back = DecodeExitStatus(builder.asReader());
  EXPECT_EQ(back.reason, vmm::ExitReason::kStatus);
  EXPECT_EQ(back.status, 200);
  EXPECT_EQ(back.detail, "said");
}

TEST(ExitStatusCodec, ReasonsOfTheFutureAreErrors) {
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<rpc::ExitStatus>();
  builder.setReason(static_cast<rpc::ExitReason>(99));
  builder.setDetail("eaten by a grue");
  const vmm::ExitStatus back = DecodeExitStatus(builder.asReader());
  EXPECT_EQ(back.reason, vmm::ExitReason::kInternalError);
  EXPECT_THAT(back.detail, HasSubstr("99"));
  EXPECT_THAT(back.detail, HasSubstr("eaten by a grue"));
}

TEST(EnumName, IsTheSchemasOrTheNumberOfTheFuture) {
  EXPECT_EQ(EnumName(rpc::ExitReason::STATUS), "status");
  EXPECT_EQ(EnumName(rpc::ExitReason::POWER_OFF), "powerOff");
  EXPECT_EQ(EnumName(static_cast<rpc::ExitReason>(777)), "777");
}

TEST(TimelineCodec, ComesBackInOrderOfTime) {
  Timeline timeline;
  timeline.Record(TimelineStep::kFirstRun, Nanoseconds(30));
  timeline.Record(TimelineStep::kVmmEntered, Nanoseconds(10));
  timeline.Record(TimelineStep::kExited, Nanoseconds(40));
  capnp::MallocMessageBuilder message;
  auto results = message.initRoot<rpc::Machine::TimelineResults>();
  EncodeTimeline(timeline, results);
  ASSERT_EQ(results.getEntries().size(), 3U);
  EXPECT_EQ(results.getEntries()[0].getStep(), rpc::TimelineStep::VMM_ENTERED);
  EXPECT_EQ(results.getEntries()[2].getStep(), rpc::TimelineStep::EXITED);

  Timeline back;
  back.Record(TimelineStep::kRequested, Nanoseconds(5));  // ours stays
  DecodeTimeline(results.asReader(), back);
  EXPECT_EQ(back.At(TimelineStep::kRequested), Nanoseconds(5));
  EXPECT_EQ(back.At(TimelineStep::kFirstRun), Nanoseconds(30));
  EXPECT_EQ(back.At(TimelineStep::kSpawned), std::nullopt);
}

TEST(TimelineCodec, StepsOfTheFutureAreLeftOut) {
  capnp::MallocMessageBuilder message;
  auto results = message.initRoot<rpc::Machine::TimelineResults>();
  auto entry = results.initEntries(1)[0];
  entry.setStep(static_cast<rpc::TimelineStep>(200));
  entry.setNanoseconds(1);
  Timeline timeline;
  DecodeTimeline(results.asReader(), timeline);
  for (size_t step = 0; step < kTimelineSteps; ++step) {
    EXPECT_EQ(timeline.At(static_cast<TimelineStep>(step)), std::nullopt);
  }
}

}  // namespace
}  // namespace mayfly::api
