// What another CPU changes while the device reads it.

#include <optional>
#include <vector>

#include "tests/hostile/hostile_test.h"

namespace mayfly::hostile {
namespace {

const std::vector<HostileCase> kCases = {
    {.name = "address_flips", .event = std::nullopt, .cpus = 2},
    {.name = "length_flips", .event = std::nullopt, .cpus = 2},
    {.name = "flags_flip", .event = std::nullopt, .cpus = 2},
    {.name = "next_flips", .event = std::nullopt, .cpus = 2},
    {.name = "header_flips", .cpus = 2},
    {.name = "available_index_flips", .event = std::nullopt, .cpus = 2},
    {.name = "heads_flip", .event = std::nullopt, .cpus = 2},
    {.name = "used_ring_scribbled", .event = std::nullopt, .cpus = 2},
    {.name = "indirect_table_flips", .event = std::nullopt, .cpus = 2},
    {.name = "data_flips", .cpus = 2, .writes = true},
    {.name = "registers_written_meanwhile", .event = std::nullopt, .cpus = 2},
    {.name = "resets_meanwhile", .event = std::nullopt, .cpus = 2},
    {.name = "two_drivers", .event = std::nullopt, .cpus = 2},
};

class RacesTest : public HostileTest {};

TEST_P(RacesTest, Survives) { Attack(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Race, RacesTest, ::testing::ValuesIn(kCases), CaseName);

TEST_F(RacesTest, NoneIsLeftOut) { ExpectAllListed("race", kCases); }

}  // namespace
}  // namespace mayfly::hostile
