#include "api/client/resource_limits_codec.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

// More disks than a host has, and few enough to be refused cheaply.
constexpr capnp::uint kMostDisks = 1024;

// On the wire, 0 is no limit.
[[nodiscard]] std::optional<uint64_t> Limit(uint64_t value) {
  return value == 0 ? std::nullopt : std::optional(value);
}

[[nodiscard]] jailer::IoLimit DecodeIo(rpc::IoLimit::Reader reader) {
  return {.device = {.major = reader.getMajor(), .minor = reader.getMinor()},
          .read_bytes = Limit(reader.getReadBytes()),
          .write_bytes = Limit(reader.getWriteBytes()),
          .read_operations = Limit(reader.getReadOperations()),
          .write_operations = Limit(reader.getWriteOperations())};
}

void EncodeIo(const jailer::IoLimit& limit, rpc::IoLimit::Builder builder) {
  builder.setMajor(limit.device.major);
  builder.setMinor(limit.device.minor);
  builder.setReadBytes(limit.read_bytes.value_or(0));
  builder.setWriteBytes(limit.write_bytes.value_or(0));
  builder.setReadOperations(limit.read_operations.value_or(0));
  builder.setWriteOperations(limit.write_operations.value_or(0));
}

}  // namespace

void EncodeResourceLimits(const jailer::CgroupLimits& limits,
                          rpc::ResourceLimits::Builder builder) {
  builder.setCpus(limits.cpus.value_or(0));
  builder.setCpuWeight(limits.cpu_weight.value_or(0));
  if (limits.cpuset) builder.setCpuset(limits.cpuset->Text().c_str());
  builder.setMemoryBytes(limits.memory.value_or(0));
  builder.setPids(limits.pids.value_or(0));
  if (limits.io.empty()) return;
  auto io = builder.initIo(static_cast<capnp::uint>(limits.io.size()));
  capnp::uint position = 0;
  for (const jailer::IoLimit& limit : limits.io) EncodeIo(limit, io[position++]);
}

absl::StatusOr<jailer::CgroupLimits> DecodeResourceLimits(rpc::ResourceLimits::Reader reader) {
  jailer::CgroupLimits limits;
  if (reader.getCpus() != 0) limits.cpus = reader.getCpus();
  limits.cpu_weight = Limit(reader.getCpuWeight());
  limits.memory = Limit(reader.getMemoryBytes());
  limits.pids = Limit(reader.getPids());
  if (reader.hasCpuset() && reader.getCpuset().size() != 0) {
    absl::StatusOr<jailer::CpuList> cpus = jailer::CpuList::Parse(FromText(reader.getCpuset()));
    if (!cpus.ok()) return Annotate(cpus.status(), "limits.cpuset");
    limits.cpuset = *std::move(cpus);
  }
  const auto io = reader.getIo();
  if (io.size() > kMostDisks) {
    return BadField("limits.io", absl::StrCat("there are ", io.size(), "; at most ", kMostDisks,
                                              " disks are limited"));
  }
  for (const auto limit : io) limits.io.push_back(DecodeIo(limit));
  if (const absl::Status status = limits.Check(); !status.ok()) return Annotate(status, "limits");
  return limits;
}

}  // namespace mayfly::api
