#include "api/host/machine_info.h"

#include "api/codec/exit_status_codec.h"
#include "api/codec/text.h"
#include "api/host/process_usage.h"

namespace mayfly::api {

void EncodeMachineInfo(const Vm& vm, rpc::MachineInfo::Builder builder) {
  const VmFacts& facts = vm.facts();
  builder.setId(facts.id);
  builder.setName(ToText(facts.name));
  auto labels = builder.initLabels(static_cast<capnp::uint>(facts.labels.size()));
  capnp::uint position = 0;
  for (const VmLabel& label : facts.labels) {
    auto entry = labels[position++];
    entry.setName(ToText(label.name));
    entry.setValue(ToText(label.value));
  }
  builder.setState(vm.state());
  builder.setCpus(facts.cpus);
  builder.setMemoryBytes(facts.memory_bytes);
  builder.setLaunchedAt(static_cast<uint64_t>(facts.launched_at.count()));
  builder.setDetached(vm.is_detached());
  if (vm.exit_status()) EncodeExitStatus(*vm.exit_status(), builder.initExit());
  builder.setOwner(facts.owner);
  const ProcessUsage usage = ProcessUsage::Of(vm.pid());
  builder.setPid(static_cast<uint32_t>(vm.pid()));
  builder.setResidentBytes(usage.resident_bytes);
  builder.setCpuNanoseconds(usage.cpu_nanoseconds);
}

}  // namespace mayfly::api
