// Whoever is at the other end of the cable misbehaves, on a socket as passt has it.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/hostile/bad_passt.h"
#include "tests/hostile/card_test.h"

namespace mayfly::hostile {
namespace {

using Mischief = BadPasst::Mischief;

struct LinkCase {
  HostileCase attack;
  Mischief mischief;
};

const std::vector<LinkCase> kCases = {
    {{.name = "length_of_nothing", .event = "its link is lost"}, Mischief::kLengthOfNothing},
    {{.name = "length_too_short", .event = "its link is lost"}, Mischief::kLengthTooShort},
    {{.name = "length_too_long", .event = "its link is lost"}, Mischief::kLengthTooLong},
    {{.name = "length_of_all_ones", .event = "its link is lost"}, Mischief::kLengthOfAllOnes},
    {{.name = "end_of_the_peer", .event = "its link is lost"}, Mischief::kEnd},
    {{.name = "end_in_a_length", .event = "its link is lost"}, Mischief::kEndInALength},
    {{.name = "end_in_a_frame", .event = "its link is lost"}, Mischief::kEndInAFrame},
    {{.name = "end_in_a_flood", .event = "its link is lost"}, Mischief::kEndLater},
    {{.name = "reset_in_a_frame"}, Mischief::kHalfAFrame},
    {{.name = "frames_byte_by_byte"}, Mischief::kByteByByte},
    {{.name = "flood_from_the_peer"}, Mischief::kFlood},
    {{.name = "flood_to_a_deaf_peer"}, Mischief::kDeafness},
};

std::vector<HostileCase> Attacks() {
  std::vector<HostileCase> attacks;
  attacks.reserve(kCases.size());
  for (const LinkCase& link : kCases) attacks.push_back(link.attack);
  return attacks;
}

class LinkTest : public CardTest {
 protected:
  [[nodiscard]] absl::StatusOr<std::unique_ptr<Peer>> MakePeer() override {
    return BadPasst::Create(kMac, mischief());
  }

 private:
  [[nodiscard]] static Mischief mischief() {
    for (const LinkCase& link : kCases) {
      if (link.attack.name == GetParam().name) return link.mischief;
    }
    return Mischief::kNone;
  }
};

class LinkListTest : public HostileTest {};

TEST_P(LinkTest, Survives) { AttackTheCard(); }
INSTANTIATE_TEST_SUITE_P(Link, LinkTest, ::testing::ValuesIn(Attacks()), CaseName);

TEST_F(LinkListTest, NoneIsLeftOut) { ExpectAllListed("net_link", Attacks()); }

}  // namespace
}  // namespace mayfly::hostile
