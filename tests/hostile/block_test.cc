// Requests that virtio-blk does not have, or that ask for what the disk has not.

#include <optional>
#include <vector>

#include "tests/hostile/hostile_test.h"

namespace mayfly::hostile {
namespace {

const std::vector<HostileCase> kCases = {
    {.name = "no_status", .event = "no room for header and status"},
    {.name = "no_header", .event = "no room for header and status"},
    {.name = "short_header", .event = "no room for header and status"},
    {.name = "writable_header", .event = "no room for header and status"},
    {.name = "header_in_pieces"},
    {.name = "sector_beyond_the_end"},
    {.name = "across_the_end_of_the_disk"},
    {.name = "last_sector_of_all"},
    {.name = "sector_that_wraps"},
    {.name = "sector_that_ends_at_zero"},
    {.name = "half_a_sector"},
    {.name = "one_byte_too_many"},
    {.name = "no_data"},
    {.name = "read_into_readable"},
    {.name = "data_on_both_sides"},
    {.name = "unknown_types"},
    {.name = "id_of_all_sizes"},
    {.name = "flush_with_everything"},
    {.name = "discard_of_all_kinds"},
    {.name = "write_zeroes_of_all_kinds"},
    {.name = "discard_not_negotiated"},
    {.name = "write_to_read_only", .access = vmm::DiskAccess::kReadOnly},
};

// A disk with a layer for its writes is no read-only disk.
std::vector<HostileCase> WithoutReadOnly() {
  std::vector<HostileCase> cases = kCases;
  std::erase_if(
      cases, [](const HostileCase& attack) { return attack.access == vmm::DiskAccess::kReadOnly; });
  return cases;
}

class BlockTest : public HostileTest {};

TEST_P(BlockTest, Survives) { Attack(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Block, BlockTest, ::testing::ValuesIn(kCases), CaseName);
INSTANTIATE_TEST_SUITE_P(BlockSync, BlockTest, ::testing::ValuesIn(On(Storage::kFileSync, kCases)),
                         CaseName);
INSTANTIATE_TEST_SUITE_P(BlockOverlay, BlockTest,
                         ::testing::ValuesIn(On(Storage::kOverlay, WithoutReadOnly())), CaseName);

TEST_F(BlockTest, NoneIsLeftOut) { ExpectAllListed("block", kCases); }

}  // namespace
}  // namespace mayfly::hostile
