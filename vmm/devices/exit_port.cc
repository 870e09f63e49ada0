#include "vmm/devices/exit_port.h"

#include "absl/strings/str_cat.h"

namespace mayfly::vmm {

void ExitPort::WriteByte(uint64_t /*offset*/, uint8_t value) {
  exits_.Exit({.reason = ExitReason::kStatus,
               .status = value,
               .detail = absl::StrCat("the guest ended with status ", value)});
}

}  // namespace mayfly::vmm
