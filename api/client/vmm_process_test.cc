#include "api/client/vmm_process.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/sanitized.h"

namespace mayfly::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Root, in a container or Bazel's sandbox, has not all that it takes to give each VM a user.
// (jail_keys_test has a user without keys.)
TEST(VmmProcessTest, SaysWhatItsJailLacks) {
  if (jailer::kSanitized)
    GTEST_SKIP() << "a sanitizer's runtime is not jailed; runs in builds without";
  const std::string program = std::filesystem::current_path() / "mayfly-vmm";
  ASSERT_EQ(::setenv("MAYFLY_VMM", program.c_str(), 1), 0);
  const absl::StatusOr<VmmProcess> process = VmmProcess::Spawn();
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_THAT(process->PassingLacks(), IsEmpty());
  if (::geteuid() == 0 && jailer::Jail::ForOne().rootless()) {
    EXPECT_THAT(process->JailLacks(), ElementsAre(HasSubstr("no VM has a user of its own")));
  } else {
    EXPECT_THAT(process->JailLacks(), IsEmpty());
  }
  process->process().Kill();
  EXPECT_TRUE(process->process().Wait().ok());
}

}  // namespace
}  // namespace mayfly::api
