#include "virtio/testing/guest_ram.h"

#include <array>
#include <utility>

namespace mayfly::virtio {

GuestMemory MakeGuestRam() {
  constexpr std::array kRanges = {kLowRam, kHighRam};
  return GuestMemory::Create(kRanges, {}).value();
}

}  // namespace mayfly::virtio
