// Packets, buffers and commands that virtio-net does not have, on a real tap, and on a socket as
// passt has it.

#include <memory>
#include <optional>
#include <vector>

#include "tests/hostile/bad_passt.h"
#include "tests/hostile/card_test.h"
#include "tests/hostile/wire.h"

namespace mayfly::hostile {
namespace {

const std::vector<HostileCase> kPacketCases = {
    {.name = "packets_too_short", .event = "shorter than its headers"},
    {.name = "packets_of_nothing", .event = "shorter than its headers"},
    {.name = "packets_too_long", .event = "longer than the MTU"},
    {.name = "packet_in_pieces"},
    {.name = "packets_to_be_written", .event = "shorter than its headers"},
    {.name = "send_loop", .event = "is a loop"},
    {.name = "send_from_registers", .event = "which is not all RAM"},
    {.name = "forged_sender", .event = "dropped"},
    {.name = "sender_forged_meanwhile", .event = std::nullopt, .cpus = 2},
    {.name = "flood_of_smallest"},
    {.name = "flood_of_largest"},
    {.name = "flood_too_large", .event = "longer than the MTU"},
    {.name = "flood_of_echoes"},
    {.name = "resets_in_a_flood"},
    {.name = "kicks_of_all_queues", .cpus = 4},
    {.name = "card_registers_of_every_width"},
};

const std::vector<HostileCase> kOffloadCases = {
    {.name = "checksum_beyond_the_frame",
     .event = "it asks for a checksum where the frame has none"},
    {.name = "checksum_offset_beyond_the_frame",
     .event = "it asks for a checksum where the frame has none"},
    {.name = "checksum_that_wraps", .event = "it asks for a checksum where the frame has none"},
    {.name = "checksum_over_the_mac_address",
     .event = "it asks for a checksum where the frame has none"},
    {.name = "checksum_over_the_ip_address",
     .event = "it asks for a checksum where the frame has none"},
    {.name = "segments_without_a_checksum",
     .event = "its segmentation fields do not fit the frame"},
    {.name = "segments_of_nothing", .event = "its segmentation fields do not fit the frame"},
    {.name = "segments_of_unknown_types",
     .event = "it asks for an offload that was not negotiated"},
    {.name = "segments_of_udp_fragments",
     .event = "it asks for an offload that was not negotiated"},
    {.name = "segments_of_the_other_family",
     .event = "its segmentation fields do not fit the frame"},
    {.name = "segments_of_the_other_protocol",
     .event = "its segmentation fields do not fit the frame"},
    {.name = "segments_with_ecn", .event = "it asks for an offload that was not negotiated"},
    {.name = "segments_without_headers", .event = std::nullopt},
    {.name = "segments_with_headers_that_lie", .event = std::nullopt},
    {.name = "offloads_not_negotiated", .event = "it asks for an offload that was not negotiated"},
    {.name = "header_changes_meanwhile", .event = std::nullopt, .cpus = 2},
    {.name = "offloads_without_checksum"},
};

const std::vector<HostileCase> kQueueCases = {
    {.name = "buffers_too_small", .event = "less than a header"},
    {.name = "buffers_to_be_read", .event = "less than a header"},
    {.name = "buffers_in_registers", .event = "which is not all RAM"},
    {.name = "buffers_of_a_byte"},
    {.name = "no_buffers"},
    {.name = "buffers_too_small_for_packets"},
    {.name = "buffers_over_the_ring", .event = std::nullopt},
    {.name = "unknown_commands"},
    {.name = "pairs_that_are_not"},
    {.name = "offloads_that_are_not"},
    {.name = "command_without_an_answer", .event = "no room for its answer"},
    {.name = "commands_of_all_sizes"},
};

const std::vector<HostileCase> kPairsCases = {
    {.name = "pairs_without_buffers"},
    {.name = "pairs_come_and_go"},
    {.name = "flood_of_pairs"},
    {.name = "flood_of_every_pair", .cpus = 2},
    {.name = "pairs_change_in_a_flood", .cpus = 2},
    {.name = "loop_in_the_second_pair", .event = "is a loop"},
};

class NetTest : public CardTest {
 protected:
  [[nodiscard]] absl::StatusOr<std::unique_ptr<Peer>> MakePeer() override {
    return Wire::Create(kMac, queue_pairs());
  }
  [[nodiscard]] virtual uint16_t queue_pairs() const { return 1; }
};

class NetPairsTest : public NetTest {
 protected:
  [[nodiscard]] uint16_t queue_pairs() const override { return 2; }
};

class NetByPasstTest : public CardTest {
 protected:
  [[nodiscard]] absl::StatusOr<std::unique_ptr<Peer>> MakePeer() override {
    return BadPasst::Create(kMac, BadPasst::Mischief::kNone);
  }
};

TEST_P(NetTest, Survives) { AttackTheCard(); }
INSTANTIATE_TEST_SUITE_P(Packet, NetTest, ::testing::ValuesIn(kPacketCases), CaseName);
INSTANTIATE_TEST_SUITE_P(Offload, NetTest, ::testing::ValuesIn(kOffloadCases), CaseName);
INSTANTIATE_TEST_SUITE_P(Queue, NetTest, ::testing::ValuesIn(kQueueCases), CaseName);

TEST_P(NetByPasstTest, Survives) { AttackTheCard(); }
INSTANTIATE_TEST_SUITE_P(Packet, NetByPasstTest, ::testing::ValuesIn(kPacketCases), CaseName);
INSTANTIATE_TEST_SUITE_P(Queue, NetByPasstTest, ::testing::ValuesIn(kQueueCases), CaseName);

TEST_P(NetPairsTest, Survives) { AttackTheCard(); }
INSTANTIATE_TEST_SUITE_P(Pairs, NetPairsTest, ::testing::ValuesIn(kPairsCases), CaseName);

TEST_F(NetTest, NoPacketIsLeftOut) { ExpectAllListed("net", kPacketCases); }
TEST_F(NetTest, NoOffloadIsLeftOut) { ExpectAllListed("net_offload", kOffloadCases); }
TEST_F(NetTest, NoQueueIsLeftOut) { ExpectAllListed("net_queue", kQueueCases); }
TEST_F(NetPairsTest, NoneIsLeftOut) { ExpectAllListed("net_pairs", kPairsCases); }

}  // namespace
}  // namespace mayfly::hostile
