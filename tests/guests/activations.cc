// Every CPU, one after the other, resets the first network device and drives it anew.

#include <cstddef>
#include <vector>

#include "images/unikernel/console.h"
#include "images/unikernel/cpus.h"
#include "images/unikernel/virtio_mmio.h"

namespace {

using namespace mayfly::guest;

struct Activation {
  VirtioMmio& device;
  size_t succeeded = 0;
};

void Activate(void* argument) {
  auto& activation = *static_cast<Activation*>(argument);
  if (!activation.device.Negotiate(0)) return;
  activation.device.SetDriverOk();
  ++activation.succeeded;
}

}  // namespace

int main() {
  std::vector<VirtioMmio> devices = VirtioMmio::FindAll(VirtioDeviceId::kNet);
  if (devices.empty()) {
    Print("there is no network device\n");
    return 1;
  }
  Activation activation{.device = devices.front()};
  Activate(&activation);
  for (size_t cpu = 1; cpu < CpuCount(); ++cpu) {
    if (!StartCpu(cpu, Activate, &activation)) break;
    JoinCpu(cpu);
  }
  Print("{} activations\n", activation.succeeded);
  return activation.succeeded == CpuCount() ? 0 : 1;
}
