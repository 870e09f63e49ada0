// Chains and indices that no driver may write.

#include <vector>

#include "tests/hostile/hostile_test.h"

namespace mayfly::hostile {
namespace {

const std::vector<HostileCase> kCases = {
    {.name = "short_loop", .event = "is a loop, or longer than the 256 entries"},
    {.name = "loop_of_one", .event = "is a loop, or longer"},
    {.name = "long_loop", .event = "is a loop, or longer"},
    {.name = "loop_without_bytes", .event = "is a loop, or longer"},
    {.name = "next_is_size", .event = "descriptor 256 does not exist"},
    {.name = "next_is_far", .event = "descriptor 65535 does not exist"},
    {.name = "head_is_size", .event = "descriptor 256 does not exist"},
    {.name = "head_is_far", .event = "descriptor 65535 does not exist"},
    {.name = "readable_after_writable", .event = "for the device to read comes after one"},
    {.name = "longest_chain"},
    {.name = "indirect_within_indirect", .event = "within an indirect table"},
    {.name = "indirect_of_itself", .event = "within an indirect table"},
    {.name = "indirect_with_next", .event = "an indirect descriptor has a next one"},
    {.name = "indirect_not_negotiated", .event = "which was not negotiated"},
    {.name = "indirect_of_nothing", .event = "an indirect table of 0 bytes"},
    {.name = "indirect_of_half_an_entry", .event = "an indirect table of 40 bytes"},
    {.name = "indirect_of_four_gigabytes", .event = "4294967280 bytes"},
    {.name = "indirect_beyond_ram", .event = "which is not all RAM"},
    {.name = "indirect_across_the_end_of_ram", .event = "which is not all RAM"},
    {.name = "indirect_in_registers", .event = "0xd0000000, which is not all RAM"},
    {.name = "indirect_next_outside", .event = "the indirect table has 2"},
    {.name = "indirect_loop", .event = "is a loop, or longer"},
    {.name = "indirect_longer_than_the_queue", .event = "longer than the 256 entries"},
    {.name = "indirect_writable"},
    {.name = "indirect_misaligned"},
    {.name = "flags_that_mean_nothing"},
    {.name = "index_jumps_by_more_than_the_ring", .event = "index jumped from 0 to 257"},
    {.name = "index_jumps_half_around", .event = "index jumped from 0 to 32768"},
    {.name = "index_goes_back", .event = "index jumped from 1 to 0"},
    {.name = "one_chain_in_every_place"},
    {.name = "chains_with_one_tail"},
    {.name = "good_ones_first", .event = "descriptor 65535 does not exist"},
    {.name = "event_indices_of_all_kinds"},
};

class RingsTest : public HostileTest {};

TEST_P(RingsTest, Survives) { Attack(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Ring, RingsTest, ::testing::ValuesIn(kCases), CaseName);

TEST_F(RingsTest, NoneIsLeftOut) { ExpectAllListed("ring", kCases); }

}  // namespace
}  // namespace mayfly::hostile
