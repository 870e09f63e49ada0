// Buffers that are not, or not all, guest memory; lengths of all sizes; buffers on top of rings.

#include <optional>
#include <vector>

#include "tests/hostile/hostile_test.h"

namespace mayfly::hostile {
namespace {

// RAM below 3 GiB and above 4 GiB, devices between.
constexpr uint64_t kBothSidesOfTheHole = uint64_t{4} << 30;

const std::vector<HostileCase> kCases = {
    {.name = "in_its_registers", .event = "512 bytes at 0xd0000000, which is not all RAM"},
    {.name = "in_anothers_registers", .event = "512 bytes at 0xd0001000, which is not all RAM"},
    {.name = "in_the_io_apic", .event = "0xfec00000, which is not all RAM"},
    {.name = "in_the_local_apic", .event = "0xfee00000, which is not all RAM"},
    {.name = "in_a_page_of_the_vmm", .event = "0xfeffd000, which is not all RAM"},
    {.name = "beyond_ram", .event = "0x4000000, which is not all RAM"},
    {.name = "far_beyond_ram", .event = "0x10000000000000, which is not all RAM"},
    {.name = "across_the_end_of_ram", .event = "0x3ffff00, which is not all RAM"},
    {.name = "from_the_end_of_ram", .event = "0x3ffffff, which is not all RAM"},
    {.name = "wrapping", .event = "0xffffffffffffff00, which is not all RAM"},
    {.name = "at_the_last_address", .event = "0xffffffffffffffff, which is not all RAM"},
    {.name = "four_gigabytes_from_zero",
     .event = "a buffer of 4294967295 bytes at 0, which is not all RAM"},
    {.name = "header_in_registers", .event = "16 bytes at 0xd0000000, which is not all RAM"},
    {.name = "status_in_registers", .event = "1 bytes at 0xd0000070, which is not all RAM"},
    {.name = "across_the_hole",
     .event = "0xbffffe00, which is not all RAM",
     .memory = kBothSidesOfTheHole},
    {.name = "into_the_hole",
     .event = "0xbfffff00, which is not all RAM",
     .memory = kBothSidesOfTheHole},
    {.name = "out_of_the_hole",
     .event = "0xffffff00, which is not all RAM",
     .memory = kBothSidesOfTheHole},
    {.name = "more_than_four_gigabytes", .event = "a chain of more than 4294967295 bytes"},
    {.name = "almost_four_gigabytes"},
    {.name = "buffers_of_nothing"},
    {.name = "nothing_but_nothing", .event = "no room for header and status"},
    {.name = "over_the_descriptors", .event = std::nullopt},
    {.name = "over_the_available_ring", .event = std::nullopt},
    {.name = "over_the_used_ring", .event = std::nullopt},
    {.name = "status_over_header"},
    {.name = "all_into_one_place"},
};

class BuffersTest : public HostileTest {};

TEST_P(BuffersTest, Survives) { Attack(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Buffer, BuffersTest, ::testing::ValuesIn(kCases), CaseName);

TEST_F(BuffersTest, NoneIsLeftOut) { ExpectAllListed("buffer", kCases); }

}  // namespace
}  // namespace mayfly::hostile
