#pragma once

#include <string>

#include "absl/status/status.h"
#include "api/codec/file_arrivals.h"
#include "api/mayfly.capnp.h"
#include "vmm/net_config.h"

namespace mayfly::api {

// The descriptors become the capabilities'.
void EncodeNet(vmm::NetConfig net, rpc::Net::Builder builder);

// All but the files, which `arrivals` brings into `net` later: it must stay in place. `field`:
// where the device stands in the message, such as "nets[0]". Errors: InvalidArgument naming the
// field.
[[nodiscard]] absl::Status DecodeNet(const std::string& field, rpc::Net::Reader reader,
                                     vmm::NetConfig& net, FileArrivals& arrivals);

}  // namespace mayfly::api
