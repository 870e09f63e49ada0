#include "vmm/machine.h"

#include <sys/sysinfo.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "vmm/acpi/acpi_tables.h"
#include "vmm/acpi/mp_table.h"
#include "vmm/boot/boot_loader.h"
#include "vmm/boot/command_line.h"
#include "vmm/cpu/boot_registers.h"
#include "vmm/cpu/guest_cpuid.h"
#include "vmm/layout.h"
#include "vmm/memory_map.h"

namespace mayfly::vmm {
namespace {

// APIC IDs have eight bits (an xAPIC's), and all ones means everybody.
constexpr unsigned kMaxCpus = 254;

absl::Status CheckCpus(const Kvm& kvm, unsigned cpus) {
  if (cpus == 0) return absl::InvalidArgumentError("0 CPUs: a VM needs at least 1");
  if (cpus == 1) return absl::OkStatus();
  const unsigned most =
      std::min(kMaxCpus, static_cast<unsigned>(kvm.Capability(KVM_CAP_MAX_VCPUS)));
  if (cpus <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(cpus, " CPUs are more than a VM can have here: ask for at most ", most));
}

// Guest memory is not reserved, so more than the host has would seem to work, until the guest uses
// it.
absl::Status CheckHostMemory(uint64_t bytes) {
  struct sysinfo info {};
  if (::sysinfo(&info) != 0) return ErrnoStatus("asking for the host's memory");
  const uint64_t host = (uint64_t{info.totalram} + info.totalswap) * info.mem_unit;
  if (bytes <= host) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("memory of ", bytes / layout::kMiB,
                                                 " MiB is more than the host's ",
                                                 host / layout::kMiB, " MiB: ask for less"));
}

absl::StatusOr<GuestMemory> CreateMemory(const MachineConfig& config) {
  MAYFLY_ASSIGN_OR_RETURN(const auto ranges, RamRanges(config.memory_bytes));
  MAYFLY_RETURN_IF_ERROR(CheckHostMemory(config.memory_bytes));
  return GuestMemory::Create(ranges, config.memory);
}

// The VM with its memory and interrupt controllers. The order is KVM's: slots before in-kernel
// devices for speed (see Vm::SetMemory), all of it before the first vCPU by rule.
absl::StatusOr<Vm> CreateVm(const Kvm& kvm, const GuestMemory& memory) {
  MAYFLY_ASSIGN_OR_RETURN(Vm vm, kvm.CreateVm());
  MAYFLY_RETURN_IF_ERROR(vm.SetMemory(memory));
  MAYFLY_RETURN_IF_ERROR(vm.SetIdentityMapAddress(layout::kIdentityMap));
  MAYFLY_RETURN_IF_ERROR(vm.SetTssAddress(layout::kTss));
  // Without this quirk the local APICs come up with LINT0 masked. The PICs, which no guest here
  // knows of, then have no way to deliver the interrupts below 16 a second time, as vectors 0
  // to 15.
  MAYFLY_RETURN_IF_ERROR(
      vm.EnableCapability(KVM_CAP_DISABLE_QUIRKS, KVM_X86_QUIRK_LINT0_REENABLED));
  MAYFLY_RETURN_IF_ERROR(vm.CreateIrqchip());
  // Only a local APIC without a TSC-deadline timer leaves a kernel in need of a second timer, to
  // calibrate it by. KVM starts a thread for each PIT, so it is not made for nothing.
  if (kvm.Capability(KVM_CAP_TSC_DEADLINE_TIMER) == 0) MAYFLY_RETURN_IF_ERROR(vm.CreatePit());
  return vm;
}

// The place where each thread installs its seccomp filter, before anything of the guest's runs on
// it.
ParkedThread::Preparation PreparationForIo(const ThreadSetup& setup) {
  if (!setup) return nullptr;
  return [setup] { return setup(ThreadRole::kIo); };
}

ParkedThread::Preparation PreparationFor(Vcpu& vcpu, const ThreadSetup& setup) {
  return [&vcpu, setup] {
    vcpu.Board();
    return setup ? setup(ThreadRole::kVcpu) : absl::OkStatus();
  };
}

absl::Status NoDevices() {
  return absl::NotFoundError("the VM has neither disks nor network devices");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Machine>> Machine::Create(MachineConfig config,
                                                         std::shared_ptr<Timeline> timeline,
                                                         ExitListener on_exit) {
  MAYFLY_RETURN_IF_ERROR(Vcpu::PrepareProcess());
  MAYFLY_ASSIGN_OR_RETURN(const Kvm kvm, Kvm::Attach(config.kvm.get()));
  MAYFLY_RETURN_IF_ERROR(CheckCpus(kvm, config.cpus));
  MAYFLY_ASSIGN_OR_RETURN(GuestMemory memory, CreateMemory(config));
  MAYFLY_ASSIGN_OR_RETURN(Vm vm, CreateVm(kvm, memory));
  timeline->Record(TimelineStep::kVmCreated);
  MAYFLY_ASSIGN_OR_RETURN(auto console, Console::Create());
  auto machine = std::make_unique<Machine>(Passkey(), std::move(config), std::move(memory),
                                           std::move(vm), std::move(console), std::move(timeline));
  MAYFLY_RETURN_IF_ERROR(machine->CreateVcpus(kvm));
  // They come alive while the images are loaded. Not earlier: with a second thread in the process,
  // KVM takes 100 microseconds more to create a VM.
  const ThreadSetup& setup = machine->config_.thread_setup;
  for (size_t index = 0; index < machine->vcpus_.size(); ++index) {
    MAYFLY_RETURN_IF_ERROR(machine->AddThread(absl::StrCat("vcpu", index),
                                              PreparationFor(*machine->vcpus_[index], setup)));
  }
  MAYFLY_RETURN_IF_ERROR(machine->CreateDevices());
  if (machine->virtio_) MAYFLY_RETURN_IF_ERROR(machine->AddThread("io", PreparationForIo(setup)));
  MAYFLY_RETURN_IF_ERROR(machine->LoadGuest());
  machine->threads_.front().Rouse();
  if (machine->virtio_) MAYFLY_RETURN_IF_ERROR(machine->virtio_->BindTo(machine->vm_));
  machine->timeline_->Record(TimelineStep::kDevicesReady);
  machine->on_exit_ = std::move(on_exit);
  return machine;
}

Machine::Machine(Passkey, MachineConfig config, GuestMemory memory, Vm vm,
                 std::unique_ptr<Console> console, std::shared_ptr<Timeline> timeline)
    : config_(std::move(config)),
      timeline_(std::move(timeline)),
      memory_(std::move(memory)),
      vm_(std::move(vm)),
      console_(std::move(console)),
      platform_(*console_, *timeline_, *this, [this](IrqLevel level) {
        // Cannot fail: the interrupt controller is there, and the line is one of its own.
        [[maybe_unused]] const absl::Status status = vm_.SetIrqLine(layout::kSerialGsi, level);
      }) {}

Machine::~Machine() {
  End(ExitReason::kKilled, "the host gave the VM up");
  if (virtio_) virtio_->Stop();
  threads_.clear();
}

absl::Status Machine::CreateVcpus(const Kvm& kvm) {
  if (!config_.cpu_profile) {
    MAYFLY_ASSIGN_OR_RETURN(config_.cpu_profile, CpuProfile::Probe(config_.kvm.get()));
  }
  std::optional<GuestCpuid> cpuid;
  for (unsigned index = 0; index < config_.cpus; ++index) {
    MAYFLY_ASSIGN_OR_RETURN(VcpuFd fd, vm_.CreateVcpu(index));
    if (!cpuid) {
      const auto tsc_khz = fd.TscKhz();
      cpuid.emplace(
          *config_.cpu_profile,
          GuestCpuid::Options{.cpus = config_.cpus,
                              .tsc_khz = tsc_khz.ok() ? *tsc_khz : 0,
                              .tsc_deadline = kvm.Capability(KVM_CAP_TSC_DEADLINE_TIMER) != 0});
    }
    MAYFLY_RETURN_IF_ERROR(fd.SetCpuid(cpuid->ForCpu(index)));
    MAYFLY_RETURN_IF_ERROR(SetBootMsrs(fd));
    vcpus_.push_back(std::make_unique<Vcpu>(
        index, std::move(fd),
        Vcpu::Surroundings{.ports = ports_, .mmio = mmio_, .memory = memory_, .exits = *this}));
  }
  timeline_->Record(TimelineStep::kVcpusReady);
  return absl::OkStatus();
}

absl::Status Machine::CreateDevices() {
  MAYFLY_RETURN_IF_ERROR(platform_.AttachTo(ports_));
  if (config_.disks.empty() && config_.nets.empty()) return absl::OkStatus();
  MAYFLY_ASSIGN_OR_RETURN(virtio_,
                          VirtioDevices::Create(std::move(config_.disks), std::move(config_.nets),
                                                {.memory = memory_,
                                                 .cpus = config_.cpus,
                                                 .timeline = timeline_,
                                                 .on_event = config_.on_event}));
  return virtio_->AttachTo(mmio_);
}

absl::Status Machine::LoadGuest() {
  const size_t devices = virtio_ ? virtio_->size() : 0;
  MAYFLY_RETURN_IF_ERROR(WriteBootGdt(memory_));
  MAYFLY_RETURN_IF_ERROR(WriteMpTable(memory_, config_.cpus));
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t rsdp, WriteAcpiTables(memory_, config_.cpus, devices));
  const BootSource source{.kernel = config_.kernel,
                          .initrd = config_.initrd,
                          .command_line = AppendKernelWords(config_.command_line,
                                                            virtio_ ? virtio_->KernelWords() : ""),
                          .protocol = config_.boot_protocol,
                          .rsdp = rsdp};
  MAYFLY_ASSIGN_OR_RETURN(const BootEntry entry, LoadBootImages(source, memory_));
  timeline_->Record(TimelineStep::kImageLoaded);
  return SetBootRegisters(vcpus_.front()->fd(), entry);
}

absl::Status Machine::Start() {
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(started_, true)) {
      return absl::FailedPreconditionError("the VM was started already");
    }
    if (ending_) return absl::FailedPreconditionError("the VM has ended before its start");
  }
  if (absl::Status prepared = PrepareThreads(); !prepared.ok()) {
    End(ExitReason::kInternalError, std::string(prepared.message()));
    return prepared;
  }
  // A vCPU that sets a device up before the io thread is there would have to do that one's work,
  // for which its filter has no system calls.
  if (virtio_) virtio_->Announce();
  for (size_t index = 0; index < vcpus_.size(); ++index) {
    threads_[index].Release([this, index] { RunVcpu(index); });
  }
  if (virtio_) threads_.back().Release([this] { virtio_->Run(); });
  DropInputs();
  return absl::OkStatus();
}

void Machine::DropInputs() {
  config_.kvm.Reset();
  config_.kernel.fd.Reset();
  config_.initrd.reset();
  config_.cpu_profile.reset();
}

absl::Status Machine::AddThread(std::string name, ParkedThread::Preparation preparation) {
  MAYFLY_ASSIGN_OR_RETURN(ParkedThread thread,
                          ParkedThread::Start(std::move(name), std::move(preparation)));
  threads_.push_back(std::move(thread));
  return absl::OkStatus();
}

// Before the first of them runs: a guest that got hold of a thread without a filter would do by it
// what the other's filter forbids.
absl::Status Machine::PrepareThreads() {
  for (const ParkedThread& thread : threads_) {
    MAYFLY_RETURN_IF_ERROR(Annotate(thread.AwaitPrepared(), "preparing a thread of the VM"));
  }
  if (!config_.thread_setup) return absl::OkStatus();
  return Annotate(config_.thread_setup(ThreadRole::kControl), "preparing to start the VM");
}

void Machine::RunVcpu(size_t index) {
  if (index == 0) timeline_->Record(TimelineStep::kFirstRun);
  vcpus_[index]->Run();
}

absl::Status Machine::CheckRunning() const {
  const std::scoped_lock lock(mutex_);
  if (ending_) return absl::FailedPreconditionError("the VM has ended");
  if (!started_) return absl::FailedPreconditionError("the VM was not started yet");
  return absl::OkStatus();
}

absl::Status Machine::Pause() {
  MAYFLY_RETURN_IF_ERROR(CheckRunning());
  // vCPUs first: one of them may be waiting for the io thread.
  for (const auto& vcpu : vcpus_) vcpu->Pause();
  for (const auto& vcpu : vcpus_) vcpu->AwaitPause();
  if (virtio_) virtio_->Pause();
  {
    const std::scoped_lock lock(mutex_);
    paused_ = true;
  }
  return CheckRunning();  // it may have ended before it came to rest
}

absl::Status Machine::Resume() {
  MAYFLY_RETURN_IF_ERROR(CheckRunning());
  if (virtio_) virtio_->Resume();
  for (const auto& vcpu : vcpus_) vcpu->Resume();
  const std::scoped_lock lock(mutex_);
  paused_ = false;
  return absl::OkStatus();
}

absl::Status Machine::PressPowerButton() {
  MAYFLY_RETURN_IF_ERROR(CheckRunning());
  return vm_.PulseIrqLine(layout::kPowerButtonGsi);
}

void Machine::End(ExitReason reason, std::string detail) {
  Exit({.reason = reason, .detail = std::move(detail)});
}

absl::Status Machine::UpdateDisk(size_t disk, const virtio::RateLimits& limits) {
  if (!virtio_) return NoDevices();
  return virtio_->UpdateDisk(disk, limits);
}

absl::Status Machine::UpdateNet(size_t net, const std::optional<virtio::RateLimits>& transmit,
                                const std::optional<virtio::RateLimits>& receive) {
  if (!virtio_) return NoDevices();
  return virtio_->UpdateNet(net, transmit, receive);
}

absl::StatusOr<uint64_t> Machine::ResizeDisk(size_t disk) {
  if (!virtio_) return NoDevices();
  return virtio_->ResizeDisk(disk);
}

DeviceStats Machine::device_stats() { return virtio_ ? virtio_->Stats() : DeviceStats(); }

std::optional<ExitStatus> Machine::exit_status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

MachineState Machine::state() const {
  const std::scoped_lock lock(mutex_);
  if (status_) return MachineState::kEnded;
  if (!started_) return MachineState::kCreated;
  return paused_ ? MachineState::kPaused : MachineState::kRunning;
}

void Machine::Exit(ExitStatus status) {
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(ending_, true)) return;
  }
  timeline_->Record(TimelineStep::kExited);
  for (const auto& vcpu : vcpus_) vcpu->Stop();
  if (virtio_) virtio_->Quiesce();
  {
    const std::scoped_lock lock(mutex_);
    status_ = std::move(status);
  }
  if (on_exit_) on_exit_();
}

}  // namespace mayfly::vmm
