#include "api/host/vm.h"

#include <capnp/message.h>
#include <kj/async-io.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

// As when the kernel watches no more descriptors for this user (fs.epoll.max_user_watches).
TEST(VmTest, OneThatCannotBeMadeLeavesNoProcess) {
  const std::string program = std::filesystem::current_path() / "mayfly-vmm";
  ASSERT_EQ(::setenv("MAYFLY_VMM", program.c_str(), 1), 0);
  kj::AsyncIoContext io = kj::setupAsyncIo();
  absl::StatusOr<VmmProcess> process = VmmProcess::Spawn();
  ASSERT_TRUE(process.ok()) << process.status();
  const pid_t pid = process->process().pid();
  const OwnedFd socket = process->TakeSocket();  // there is none to watch
  capnp::MallocMessageBuilder message;
  EXPECT_THROW(kj::refcounted<Vm>(io,
                                  VmOrigin{.facts = {},
                                           .spec = SpecRecord(message.initRoot<rpc::MachineSpec>()),
                                           .share = QuotaShare::TakeAnyway({}, {})},
                                  *std::move(process), [](Vm&) {}),
               kj::Exception);
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace mayfly::api
