#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/host_config.capnp.h"

namespace mayfly::api {

// What VMs take together, of what a Share in the configuration has.
struct VmTotals {
  uint64_t machines = 0;
  uint64_t memory_bytes = 0;
  uint64_t cpus = 0;
};

[[nodiscard]] VmTotals DecodeShare(rpc::Share::Reader share);

// What the VMs of somebody may take, and do.
class Quota final {
 public:
  // `whose`, for messages: "this connection". Of `most`, 0 is no limit.
  Quota(std::string whose, const VmTotals& most) : whose_(std::move(whose)), most_(most) {}

  // Errors: ResourceExhausted, saying of what.
  [[nodiscard]] absl::Status Check(const VmTotals& more) const;
  void Add(const VmTotals& more);
  void Remove(const VmTotals& less);
  [[nodiscard]] const VmTotals& taken() const { return taken_; }
  [[nodiscard]] const VmTotals& most() const { return most_; }

 private:
  const std::string whose_;
  const VmTotals most_;
  VmTotals taken_;
};

// What one VM takes of all quotas that it counts in, as long as this lives.
class QuotaShare final {
 public:
  // Errors: those of Quota::Check(), and nothing is taken.
  [[nodiscard]] static absl::StatusOr<QuotaShare> Take(std::vector<std::shared_ptr<Quota>> quotas,
                                                       const VmTotals& totals);
  // Whatever the quotas say: for a VM that is there.
  [[nodiscard]] static QuotaShare TakeAnyway(std::vector<std::shared_ptr<Quota>> quotas,
                                             const VmTotals& totals);
  QuotaShare(QuotaShare&&) noexcept = default;
  QuotaShare& operator=(QuotaShare&&) = delete;
  QuotaShare(const QuotaShare&) = delete;
  QuotaShare& operator=(const QuotaShare&) = delete;
  ~QuotaShare();

 private:
  QuotaShare(std::vector<std::shared_ptr<Quota>> quotas, const VmTotals& totals)
      : quotas_(std::move(quotas)), totals_(totals) {}

  std::vector<std::shared_ptr<Quota>> quotas_;  // none when moved from
  VmTotals totals_;
};

}  // namespace mayfly::api
