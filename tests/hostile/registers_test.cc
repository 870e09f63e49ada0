// Registers at every width, in every status, in every order.

#include <optional>
#include <vector>

#include "tests/hostile/hostile_test.h"

namespace mayfly::hostile {
namespace {

const std::vector<HostileCase> kCases = {
    {.name = "reads_of_every_width"},
    {.name = "writes_of_every_width"},
    {.name = "status_at_other_widths"},
    {.name = "across_borders"},
    {.name = "configuration_beyond_its_end"},
    {.name = "configuration_written"},
    {.name = "features_never_offered"},
    {.name = "features_beyond_64"},
    {.name = "without_version_1"},
    {.name = "features_changed_too_late", .event = "which was not negotiated"},
    {.name = "features_too_early"},
    {.name = "status_out_of_order"},
    {.name = "status_taken_back"},
    {.name = "needs_reset_by_the_driver"},
    {.name = "failed"},
    {.name = "kicks_without_a_queue"},
    {.name = "kicks_of_queues_that_are_not"},
    {.name = "queues_that_are_not"},
    {.name = "acknowledged_at_will"},
    {.name = "shared_memory_that_is_not"},
};

class RegistersTest : public HostileTest {};

TEST_P(RegistersTest, Survives) { Attack(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Register, RegistersTest, ::testing::ValuesIn(kCases), CaseName);

TEST_F(RegistersTest, NoneIsLeftOut) { ExpectAllListed("register", kCases); }

}  // namespace
}  // namespace mayfly::hostile
