#pragma once

#include <string>

#include "absl/status/status.h"
#include "api/codec/file_arrivals.h"
#include "api/mayfly.capnp.h"
#include "vmm/disk_config.h"

namespace mayfly::api {

// The descriptors become the capabilities'.
void EncodeDisk(vmm::DiskConfig disk, rpc::Disk::Builder builder);

// Errors: InvalidArgument naming the field.
[[nodiscard]] absl::Status DecodeEngine(const std::string& field, rpc::DiskEngine engine,
                                        vmm::DiskEngine& into);

// All but the files, which `arrivals` brings into `disk` later: it must stay in place. `field`:
// where the disk stands in the message, such as "disks[0]". Errors: InvalidArgument naming the
// field.
[[nodiscard]] absl::Status DecodeDisk(const std::string& field, rpc::Disk::Reader reader,
                                      vmm::DiskConfig& disk, FileArrivals& arrivals);

}  // namespace mayfly::api
