#include "api/cli/host/launch_codec.h"

#include <random>
#include <utility>

#include "absl/strings/str_format.h"
#include "api/cli/open_cgroup.h"
#include "api/cli/option_words.h"
#include "api/client/resource_limits_codec.h"
#include "api/client/user_net_codec.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::cli {

absl::Status EncodeLaunch(const RunOptions& options, api::MachineSpec spec,
                          rpc::Host::LaunchParams::Builder params) {
  if (!options.cgroup_parent.empty()) {
    return BadOption("--cgroup-parent",
                     "where the VM's cgroup is made is for the host service to say; leave it away, "
                     "or the service, with --host none");
  }
  MAYFLY_ASSIGN_OR_RETURN(const jailer::CgroupLimits limits, CompleteLimits(options.limit));
  auto builder = params.initSpec();
  api::EncodeSpec(std::move(spec), builder);
  if (!options.limit.empty()) api::EncodeResourceLimits(limits, builder.initLimits());
  auto labels = builder.initLabels(static_cast<capnp::uint>(options.labels.size()));
  capnp::uint position = 0;
  for (const LabelOption& label : options.labels) {
    auto entry = labels[position++];
    entry.setName(api::ToText(label.name));
    entry.setValue(api::ToText(label.value));
  }
  params.setName(api::ToText(options.name));
  params.setStart(true);
  return absl::OkStatus();
}

void EncodeUserNets(const RunOptions& options, rpc::MachineSpec::Builder spec) {
  capnp::uint position = 0;
  for (const NetOption& option : options.nets) {
    auto net = spec.getNets()[position++];
    if (option.backend != NetOption::Backend::kUser) continue;
    api::EncodeForwards(option.forwards, net.getBackend().initUser());
  }
}

std::string NameByChance() { return absl::StrFormat("vm-%08x", std::random_device()()); }

}  // namespace mayfly::cli
