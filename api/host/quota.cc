#include "api/host/quota.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

[[nodiscard]] absl::Status CheckOne(const std::string& whose, absl::string_view what,
                                    uint64_t taken, uint64_t more, uint64_t most) {
  if (most == 0 || (more <= most && taken <= most - more)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(what, ": ", whose, " has ", taken, " of at most ", most, ", and wants ", more,
                   " more; end a VM first, or ask for a higher limit"));
}

}  // namespace

VmTotals DecodeShare(rpc::Share::Reader share) {
  return {.machines = share.getMachines(),
          .memory_bytes = share.getMemoryBytes(),
          .cpus = share.getCpus()};
}

absl::Status Quota::Check(const VmTotals& more) const {
  MAYFLY_RETURN_IF_ERROR(
      CheckOne(whose_, "machines", taken_.machines, more.machines, most_.machines));
  MAYFLY_RETURN_IF_ERROR(
      CheckOne(whose_, "memoryBytes", taken_.memory_bytes, more.memory_bytes, most_.memory_bytes));
  return CheckOne(whose_, "cpus", taken_.cpus, more.cpus, most_.cpus);
}

void Quota::Add(const VmTotals& more) {
  taken_.machines += more.machines;
  taken_.memory_bytes += more.memory_bytes;
  taken_.cpus += more.cpus;
}

void Quota::Remove(const VmTotals& less) {
  taken_.machines -= less.machines;
  taken_.memory_bytes -= less.memory_bytes;
  taken_.cpus -= less.cpus;
}

absl::StatusOr<QuotaShare> QuotaShare::Take(std::vector<std::shared_ptr<Quota>> quotas,
                                            const VmTotals& totals) {
  for (const auto& quota : quotas) MAYFLY_RETURN_IF_ERROR(quota->Check(totals));
  return TakeAnyway(std::move(quotas), totals);
}

QuotaShare QuotaShare::TakeAnyway(std::vector<std::shared_ptr<Quota>> quotas,
                                  const VmTotals& totals) {
  for (const auto& quota : quotas) quota->Add(totals);
  return QuotaShare(std::move(quotas), totals);
}

QuotaShare::~QuotaShare() {
  for (const auto& quota : quotas_) quota->Remove(totals_);
}

}  // namespace mayfly::api
