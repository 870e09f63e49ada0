#include "api/codec/exit_status_codec.h"

#include "absl/strings/str_cat.h"
#include "api/codec/text.h"

namespace mayfly::api {
namespace {

// One list in two languages: the ends agreeing says that neither was extended alone.
static_assert(static_cast<unsigned>(vmm::ExitReason::kStatus) ==
              static_cast<unsigned>(rpc::ExitReason::STATUS));
static_assert(static_cast<unsigned>(vmm::ExitReason::kOutOfMemory) ==
              static_cast<unsigned>(rpc::ExitReason::OUT_OF_MEMORY));
constexpr auto kLastReason = static_cast<unsigned>(vmm::ExitReason::kOutOfMemory);

}  // namespace

void EncodeExitStatus(const vmm::ExitStatus& status, rpc::ExitStatus::Builder builder) {
  builder.setReason(static_cast<rpc::ExitReason>(status.reason));
  builder.setStatus(status.status);
  builder.setDetail(ToText(status.detail));
}

vmm::ExitStatus DecodeExitStatus(rpc::ExitStatus::Reader reader) {
  const auto reason = static_cast<unsigned>(reader.getReason());
  std::string detail = FromText(reader.getDetail());
  if (reason > kLastReason) {
    return {.reason = vmm::ExitReason::kInternalError,
            .detail = absl::StrCat("the VM ended for reason ", reason,
                                   ", which this client is too old to know: ", detail)};
  }
  return {.reason = static_cast<vmm::ExitReason>(reason),
          .status = reader.getStatus(),
          .detail = std::move(detail)};
}

}  // namespace mayfly::api
