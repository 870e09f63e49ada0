// More of what is allowed than anybody needs, and for ever.

#include <optional>
#include <vector>

#include "tests/hostile/hostile_test.h"

namespace mayfly::hostile {
namespace {

// 1 GiB, of which nothing is allocated but the first sectors.
constexpr uint64_t kLargeDisk = uint64_t{1} << 21;

const std::vector<HostileCase> kCases = {
    {.name = "kicks_from_all_cpus", .cpus = 4},
    {.name = "kicks_of_other_widths", .cpus = 4},
    {.name = "kicks_of_a_broken_device", .event = "is a loop", .cpus = 4},
    {.name = "registers_from_all_cpus", .cpus = 4},
    {.name = "never_idle", .cpus = 2},
    {.name = "reset_in_the_middle_of_io"},
    {.name = "many_resets"},
    {.name = "many_breaks", .event = "further events of it are not told"},
    {.name = "many_flushes"},
    {.name = "many_errors"},
    {.name = "many_segments"},
    {.name = "giant_requests", .sectors = kLargeDisk},
};

class StormsTest : public HostileTest {};

TEST_P(StormsTest, Survives) { Attack(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Storm, StormsTest, ::testing::ValuesIn(kCases), CaseName);
INSTANTIATE_TEST_SUITE_P(StormSync, StormsTest, ::testing::ValuesIn(On(Storage::kFileSync, kCases)),
                         CaseName);
INSTANTIATE_TEST_SUITE_P(StormOverlay, StormsTest,
                         ::testing::ValuesIn(On(Storage::kOverlay, kCases)), CaseName);

TEST_F(StormsTest, NoneIsLeftOut) { ExpectAllListed("storm", kCases); }

}  // namespace
}  // namespace mayfly::hostile
