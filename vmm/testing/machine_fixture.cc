#include "vmm/testing/machine_fixture.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <utility>

#include "base/status.h"
#include "vmm/testing/elf_builder.h"
#include "vmm/testing/memory_file.h"

namespace mayfly::vmm::testing {
namespace {

// Far more than any of these guests takes: a hang should fail, not wait for the test's own end.
constexpr std::chrono::seconds kPatience{60};

OwnedFd OpenKvm() { return OwnedFd(::open("/dev/kvm", O_RDWR | O_CLOEXEC)); }

}  // namespace

void MachineFixture::SetUp() {
  if (OpenKvm().valid()) return;
  GTEST_SKIP() << "needs /dev/kvm, which this user cannot open here: " << std::strerror(errno);
}

MachineConfig MachineFixture::Config(const GuestCode& code) {
  MachineConfig config;
  config.kvm = OpenKvm();
  config.kernel = {.fd = MemoryFile(ElfBuilder::Kernel(code.bytes())), .name = "test-kernel"};
  config.cpu_profile = Profile(config.kvm.get());
  return config;
}

absl::Status MachineFixture::Create(MachineConfig config) {
  auto machine = Machine::Create(std::move(config), timeline_, [this] {
    const std::scoped_lock lock(mutex_);
    ++exits_;
    ended_.notify_all();
  });
  if (!machine.ok()) return machine.status();
  machine_ = *std::move(machine);
  return absl::OkStatus();
}

absl::Status MachineFixture::Launch(MachineConfig config) {
  MAYFLY_RETURN_IF_ERROR(Create(std::move(config)));
  return machine_->Start();
}

std::optional<ExitStatus> MachineFixture::Wait() {
  std::unique_lock lock(mutex_);
  ended_.wait_for(lock, kPatience, [this] { return exits_ != 0; });
  lock.unlock();
  return machine_->exit_status();
}

std::string MachineFixture::Output() {
  std::string text(Console::kOutputCapacity, '\0');
  text.resize(machine_->console().ReadOutput(std::as_writable_bytes(std::span(text))).bytes);
  return text;
}

void MachineFixture::WaitForOutput() const {
  pollfd ready{.fd = machine_->console().output_ready().fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())), 1);
}

const CpuProfile& MachineFixture::Profile(int kvm) {
  static const CpuProfile profile = *CpuProfile::Probe(kvm);
  return profile;
}

}  // namespace mayfly::vmm::testing
