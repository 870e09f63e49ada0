// Queues of sizes and at places where none can be, and changes of what is in use.

#include <optional>
#include <vector>

#include "tests/hostile/hostile_test.h"

namespace mayfly::hostile {
namespace {

const std::vector<HostileCase> kCases = {
    {.name = "sizes_that_are_none", .event = "is no power of two from 1 to 256"},
    {.name = "size_of_one", .event = "longer than the 1 entries"},
    {.name = "misaligned", .event = "is not aligned to 16 bytes"},
    {.name = "in_registers", .event = "0xd0000000, is not all RAM"},
    {.name = "queue_beyond_ram", .event = "0x4000000, is not all RAM"},
    {.name = "queue_across_the_end_of_ram", .event = "0x3ffffc0, is not all RAM"},
    {.name = "queue_that_wraps", .event = "0xfffffffffffffff0, is not all RAM"},
    {.name = "at_the_end_of_ram"},
    {.name = "areas_on_top_of_each_other", .event = std::nullopt},
    {.name = "anothers_queue"},
    {.name = "moved_while_live"},
    {.name = "moved_when_ready"},
    {.name = "ready_to_a_degree"},
    {.name = "in_the_page_of_zeros", .event = "no room for header and status"},
    {.name = "one_of_two_queues_breaks", .event = "queue 1: the chain of descriptor 0", .cpus = 2},
    {.name = "two_queues_in_one_place", .event = std::nullopt, .cpus = 2},
};

class QueuesTest : public HostileTest {};

TEST_P(QueuesTest, Survives) { Attack(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Queue, QueuesTest, ::testing::ValuesIn(kCases), CaseName);

TEST_F(QueuesTest, NoneIsLeftOut) { ExpectAllListed("queue", kCases); }

}  // namespace
}  // namespace mayfly::hostile
