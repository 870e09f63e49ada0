#include "vmm/kvm/vm.h"

#include <fcntl.h>

#include <array>
#include <cstring>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/kvm/kvm.h"

namespace mayfly::vmm {
namespace {

using ::testing::HasSubstr;

constexpr GuestRange kRange{.address = 0, .size = 1 << 20};

class VmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    device_ = OwnedFd(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (!device_.valid()) {
      GTEST_SKIP() << "needs /dev/kvm, which this user cannot open here: " << std::strerror(errno);
    }
    vm_ = *Kvm::Attach(device_.get())->CreateVm();
  }

  OwnedFd device_;
  std::optional<Vm> vm_;
  GuestMemory memory_ = *GuestMemory::Create(std::span(&kRange, 1), {});
};

TEST_F(VmTest, TakesMemoryOnce) {
  EXPECT_EQ(vm_->SetMemory(memory_), absl::OkStatus());
  EXPECT_EQ(vm_->CreateIrqchip(), absl::OkStatus());
  EXPECT_THAT(std::string(vm_->CreateIrqchip().message()), HasSubstr("KVM has one already"));
}

TEST_F(VmTest, LocalApicsComeUpWithLint0MaskedWithoutTheQuirk) {
  ASSERT_EQ(vm_->EnableCapability(KVM_CAP_DISABLE_QUIRKS, KVM_X86_QUIRK_LINT0_REENABLED),
            absl::OkStatus());
  ASSERT_EQ(vm_->CreateIrqchip(), absl::OkStatus());
  const auto vcpu = vm_->CreateVcpu(0);
  ASSERT_TRUE(vcpu.ok()) << vcpu.status();
  const auto lapic = vcpu->Lapic();
  ASSERT_TRUE(lapic.ok());
  constexpr size_t kLvtLint0 = 0x350;
  constexpr uint32_t kMasked = 1 << 16;
  uint32_t lint0 = 0;
  std::memcpy(&lint0, &lapic->regs[kLvtLint0], sizeof lint0);
  EXPECT_EQ(lint0 & kMasked, kMasked);
  EXPECT_EQ(vcpu->SetLapic(*lapic), absl::OkStatus());
}

TEST_F(VmTest, OnlyTheFirstCpuRunsByItself) {
  ASSERT_EQ(vm_->CreateIrqchip(), absl::OkStatus());
  const auto first = vm_->CreateVcpu(0);
  const auto second = vm_->CreateVcpu(1);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->MpState()->mp_state, KVM_MP_STATE_RUNNABLE);
  EXPECT_EQ(second->MpState()->mp_state, KVM_MP_STATE_UNINITIALIZED);
  EXPECT_EQ(second->SetMpState({.mp_state = KVM_MP_STATE_RUNNABLE}), absl::OkStatus());
  EXPECT_EQ(second->MpState()->mp_state, KVM_MP_STATE_RUNNABLE);
  EXPECT_THAT(std::string(vm_->CreateVcpu(1).status().message()), HasSubstr("creating vCPU 1"));
}

TEST_F(VmTest, ARequestedExitIsNoticedBeforeTheGuestRuns) {
  ASSERT_EQ(vm_->SetMemory(memory_), absl::OkStatus());
  ASSERT_EQ(vm_->CreateIrqchip(), absl::OkStatus());
  const auto vcpu = vm_->CreateVcpu(0);
  ASSERT_TRUE(vcpu.ok());
  vcpu->RequestExit();
  EXPECT_EQ(vcpu->Run(), EINTR);
  EXPECT_EQ(vcpu->Run(), EINTR) << "it stays requested";
}

TEST_F(VmTest, RegistersComeBackAsTheyWereSet) {
  ASSERT_EQ(vm_->CreateIrqchip(), absl::OkStatus());
  const auto vcpu = vm_->CreateVcpu(0);
  ASSERT_TRUE(vcpu.ok());
  kvm_regs regs{};
  regs.rip = 0x1234;
  regs.rflags = 2;
  ASSERT_EQ(vcpu->SetRegs(regs), absl::OkStatus());
  EXPECT_EQ(vcpu->Regs()->rip, 0x1234);
  EXPECT_GT(*vcpu->TscKhz(), 0);
}

TEST_F(VmTest, AnUnknownMsrIsNamed) {
  ASSERT_EQ(vm_->CreateIrqchip(), absl::OkStatus());
  const auto vcpu = vm_->CreateVcpu(0);
  ASSERT_TRUE(vcpu.ok());
  constexpr std::array kMsrs = {Msr{.index = 0x2ff, .value = 0x806},
                                Msr{.index = 0xdeadbeef, .value = 1}};
  EXPECT_THAT(std::string(vcpu->SetMsrs(kMsrs).message()), HasSubstr("refuses MSR 0xdeadbeef"));
}

TEST_F(VmTest, AnEventIsBoundOnce) {
  ASSERT_EQ(vm_->CreateIrqchip(), absl::OkStatus());
  const EventFd event = *EventFd::Create();
  constexpr uint64_t kAddress = 0xd0000050;
  EXPECT_EQ(vm_->AssignIoeventfd(event, kAddress, 0), absl::OkStatus());
  EXPECT_EQ(vm_->AssignIoeventfd(event, kAddress, 1), absl::OkStatus());
  EXPECT_THAT(std::string(vm_->AssignIoeventfd(event, kAddress, 0).message()),
              HasSubstr("0xd0000050"));
}

TEST_F(VmTest, LinesCanBeRaisedOnceThereIsAController) {
  EXPECT_FALSE(vm_->PulseIrqLine(16).ok());
  ASSERT_EQ(vm_->CreateIrqchip(), absl::OkStatus());
  EXPECT_EQ(vm_->PulseIrqLine(16), absl::OkStatus());
  EXPECT_EQ(vm_->SetIrqLine(4, IrqLevel::kHigh), absl::OkStatus());
}

}  // namespace
}  // namespace mayfly::vmm
