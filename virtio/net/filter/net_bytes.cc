#include "virtio/net/filter/net_bytes.h"

#include <cstring>

namespace mayfly::virtio {

IpAddress AddressAt(std::span<const std::byte> bytes, size_t offset, IpFamily family) {
  if (family == IpFamily::kV4) {
    IpAddress::V4Bytes address{};
    std::memcpy(address.data(), bytes.subspan(offset, address.size()).data(), address.size());
    return IpAddress(address);
  }
  IpAddress::V6Bytes address{};
  std::memcpy(address.data(), bytes.subspan(offset, address.size()).data(), address.size());
  return IpAddress(address);
}

}  // namespace mayfly::virtio
