#pragma once

#include <functional>
#include <string>

namespace mayfly::virtio {

// What kind of thing a device has to tell the VM's owner.
enum class DeviceEvent {
  kTrouble,  // the guest broke its protocol, or it failed
  kNoRoom,   // what the guest writes has no room on the host
  kLink,     // a network device has lost its link
};

// Takes one sentence for people.
using DeviceEventListener = std::function<void(DeviceEvent, std::string)>;

}  // namespace mayfly::virtio
