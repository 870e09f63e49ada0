// mayfly-vmm --api for a user who has no key left to make: it serves all the same, and says so.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/sanitized.h"
#include "jailer/testing/key_exhaustion.h"
#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uid_t kSomebody = 64'003;  // without a name, and without keys
constexpr int kCannotBe = 98;

class ApiKeysTest : public CliTest {
 protected:
  // `program` in the directory `home`, both of which that user could not get at by their names.
  [[noreturn]] static void RunAsSomebody(int program, const std::string& home) {
    if (::chdir(home.c_str()) != 0 || ::setresgid(kSomebody, kSomebody, kSomebody) != 0 ||
        ::setresuid(kSomebody, kSomebody, kSomebody) != 0 || !jailer::UseUpKeys()) {
      ::_exit(kCannotBe);
    }
    const char* const words[] = {"mayfly-vmm", "--api", "vm.sock", nullptr};
    const char* const environment[] = {nullptr};
    ::execveat(program, "", const_cast<char* const*>(words), const_cast<char* const*>(environment),
               AT_EMPTY_PATH);
    ::_exit(kCannotBe);
  }
};

TEST_F(ApiKeysTest, AVmThatKeepsItsStartersKeyringIsToldOf) {
  if (jailer::kSanitized) GTEST_SKIP() << "nothing is jailed under a sanitizer; runs without one";
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else; runs as root";
  const std::string home = Path("");
  ASSERT_EQ(::chmod(home.c_str(), 0777), 0);
  const OwnedFd program(::open("mayfly-vmm", O_PATH | O_CLOEXEC));
  ASSERT_TRUE(program.valid());
  Command vmm({"/nonexistent"}, {}, home);
  vmm.Prepare([&] { RunAsSomebody(program.get(), home); });
  vmm.Start();
  // It has said it when it can be spoken to, or soon.
  while (!fs::is_socket(home + "vm.sock")) ::usleep(1000);
  vmm.AwaitError("the VM has no session keyring of its own");
  vmm.Signal(SIGTERM);
  const CommandResult result = vmm.Wait();
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.err;
  EXPECT_THAT(result.err, HasSubstr("raise kernel.keys.maxkeys"));
}

}  // namespace
}  // namespace mayfly::testing
