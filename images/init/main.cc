// mayfly-init: process 1 of a Linux guest. Sets up what a program needs, runs one command, and ends
// the VM with its exit status. It is the only program a guest must have besides its command.

#include <sys/reboot.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "images/init/command.h"
#include "images/init/console.h"
#include "images/init/file_systems.h"
#include "images/init/files.h"
#include "images/init/modules.h"
#include "images/init/options.h"
#include "images/init/ports.h"

namespace mayfly::init {
namespace {

constexpr std::string_view kHostName = "mayfly";

// Unless the kernel was built with a name.
void NameHost() {
  if (ReadFile("/proc/sys/kernel/hostname") != "(none)\n") return;
  if (sethostname(kHostName.data(), kHostName.size()) != 0) SayError("cannot name the host");
}

std::uint8_t SetUpAndRun() {
  MountKernelFileSystems();
  OpenConsole();
  NameHost();
  const Options options = ParseCommandLine(ReadFile("/proc/cmdline"));
  for (const std::string& complaint : options.complaints) Say(complaint);
  if (!options.complaints.empty()) return kSetUpFailed;
  LoadModules();
  if (!options.root_device.empty() && !SwitchRoot(options)) return kSetUpFailed;
  MountScratchFileSystems();
  TakeTerminal();
  return RunCommand(options);
}

// A kernel without ACPI does not know how to power off, and would stop for ever: it can still
// reset.
int WayOut() { return access("/sys/firmware/acpi", F_OK) == 0 ? RB_POWER_OFF : RB_AUTOBOOT; }

[[noreturn]] void EndMachine(std::uint8_t status) {
  EndEverything();
  SealRoot();
  DrainConsole();
  if (!WritePort(Port::kExitStatus, status)) {
    Say("this kernel permits no port I/O (CONFIG_X86_IOPL_IOPERM): the exit status " +
        std::to_string(status) + " is lost");
    DrainConsole();
  }
  // Also for a monitor that has no such port.
  reboot(WayOut());
  for (;;) pause();  // a process 1 that ends is a kernel panic
}

}  // namespace
}  // namespace mayfly::init

int main() {
  using namespace mayfly::init;
  if (getpid() != 1) {
    Say("is made to be process 1 of a virtual machine, and ends the machine it runs in");
    return kSetUpFailed;
  }
  // A kernel that permits no port I/O has no marks on its timeline: nothing depends on them.
  static_cast<void>(WritePort(Port::kBootMark, kUserSpaceReached));
  EndMachine(SetUpAndRun());
}
