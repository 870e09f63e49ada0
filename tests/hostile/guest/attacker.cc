// A guest that misbehaves in one way, and then looks whether its devices are none the worse.
//
//   attack=NAME     the way; an empty name, or none: lists all, one a line, after their theme
//
// The first disk is attacked; the second must not notice. When all is over but the end, the guest
// prints "quiet", rests, and waits for a line: time for the host to see that the VMM rests as well.
// Exit status 0: all was as it should be; what was not, stands on the console.

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "images/unikernel/command_line.h"
#include "images/unikernel/console.h"
#include "images/unikernel/memory.h"
#include "images/unikernel/virtio_mmio.h"
#include "tests/hostile/guest/attack.h"

namespace {

using namespace mayfly::hostile;
using mayfly::guest::Print;
using mayfly::guest::VirtioDeviceId;
using mayfly::guest::VirtioMmio;

struct Theme {
  std::string_view name;
  std::span<const Attack> attacks;
};

std::array<Theme, 14> Themes() {
  return {{{"ring", RingAttacks()},
           {"buffer", BufferAttacks()},
           {"block", BlockAttacks()},
           {"resize", ResizeAttacks()},
           {"cap", CapAttacks()},
           {"register", RegisterAttacks()},
           {"queue", QueueAttacks()},
           {"race", RaceAttacks()},
           {"storm", StormAttacks()},
           {"net", NetAttacks()},
           {"net_offload", NetOffloadAttacks()},
           {"net_queue", NetQueueAttacks()},
           {"net_link", NetLinkAttacks()},
           {"net_pairs", NetPairsAttacks()}}};
}

void List() {
  for (const Theme& theme : Themes()) {
    for (const Attack& attack : theme.attacks) Print("{} {}\n", theme.name, attack.name);
  }
}

const Attack* Find(std::string_view name) {
  for (const Theme& theme : Themes()) {
    const auto found = std::ranges::find(theme.attacks, name, &Attack::name);
    if (found != theme.attacks.end()) return &*found;
  }
  return nullptr;
}

void AwaitTheHost() {
  Print("outcome: {}\n", Outcome());
  Print("quiet\n");
  std::array<char, 16> line;
  static_cast<void>(mayfly::guest::ReadLine(line));
}

std::vector<Registers> Find(VirtioDeviceId id) {
  std::vector<Registers> found;
  for (const auto& device : VirtioMmio::FindAll(id)) found.emplace_back(device.address());
  return found;
}

int Run(const Attack& attack) {
  const std::vector<Registers> disks = Find(VirtioDeviceId::kBlock);
  if (!Expect(disks.size() == 2, "there are two disks")) return 1;
  Disk victim(disks[0], 0);
  Disk bystander(disks[1], 1);
  Expect(victim.Begin() && victim.Reads(), "the disk to attack works");
  Expect(bystander.Begin() && bystander.Reads(), "the other disk works");
  Expect(victim.Begin(), "the disk to attack begins anew");
  std::optional<Nic> nic;
  for (const Registers& card : Find(VirtioDeviceId::kNet)) {
    Expect(nic.emplace(card).Begin() && nic->Echoes(), "the card works");
    Expect(nic->Begin(), "the card begins anew");
  }

  Stage stage{.victim = victim, .bystander = bystander, .nic = nic ? &*nic : nullptr};
  attack.run(stage);

  Expect(bystander.Reads() && bystander.Writes(), "the other disk works on");
  AwaitTheHost();
  Expect(victim.Begin() && victim.Reads(), "after a reset, the attacked disk works again");
  if (nic && stage.link_is_lost) {
    Expect(nic->Begin() && !nic->has_link(), "after a reset, the card still has no network");
  } else if (nic) {
    Expect(nic->Begin() && nic->Echoes(), "after a reset, the card works again");
  }
  Expect(bystander.Reads(), "and so does the other disk");
  return AllHeld() ? 0 : 1;
}

}  // namespace

int main() {
  const std::string_view name = mayfly::guest::OptionValue("attack").value_or("");
  if (name.empty()) {
    List();
    return 0;
  }
  // RAM above the hole is there to be pointed at; page 0 too.
  mayfly::guest::MapPageZero();
  const Attack* const attack = Find(name);
  return Expect(attack != nullptr, "there is such an attack") ? Run(*attack) : 1;
}
