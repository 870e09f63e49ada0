#include "tests/jail/attacker_run.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <utility>

#include "base/pipe.h"
#include "gtest/gtest.h"

namespace mayfly::testing {
namespace {

constexpr int kKvmTarget = 3;

std::string ReadAll(Pipe& pipe) {
  pipe.writer.Reset();
  std::string text;
  std::array<char, 512> chunk{};
  for (ssize_t got = 0; (got = ::read(pipe.reader.get(), chunk.data(), chunk.size())) > 0;) {
    text.append(chunk.data(), static_cast<size_t>(got));
  }
  return text;
}

}  // namespace

AttackerRun::AttackerRun() : abstract_name_("mayfly-test-" + std::to_string(::getpid())) {
  abstract_ = OwnedFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  abstract_name_.copy(&name.sun_path[1], sizeof name.sun_path - 1);
  const size_t size = offsetof(sockaddr_un, sun_path) + 1 + abstract_name_.size();
  EXPECT_EQ(::bind(abstract_.get(), reinterpret_cast<const sockaddr*>(&name),
                   static_cast<socklen_t>(size)),
            0);
  EXPECT_EQ(::listen(abstract_.get(), 1), 0);

  tcp_ = OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  EXPECT_EQ(::bind(tcp_.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  EXPECT_EQ(::listen(tcp_.get(), 1), 0);
  EXPECT_EQ(::getsockname(tcp_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  port_ = std::to_string(ntohs(address.sin_port));
}

Outcome AttackerRun::Run(const std::string& confinement, const std::string& attack,
                         const jailer::Jail* jail) const {
  jailer::SpawnOptions options;
  options.jail = jail;
  return RunAs(confinement, attack, std::move(options));
}

Outcome AttackerRun::RunWithPrivileges(const std::string& confinement,
                                       const std::string& attack) const {
  jailer::SpawnOptions options;
  options.privileges = jailer::Privileges::kKept;
  return RunAs(confinement, attack, std::move(options));
}

Outcome AttackerRun::RunAs(const std::string& confinement, const std::string& attack,
                           jailer::SpawnOptions options) const {
  const OwnedFd program(::open("tests/jail/attacker", O_PATH | O_CLOEXEC));
  const OwnedFd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  EXPECT_TRUE(kvm.valid());
  Pipe out = Pipe::Make().value();
  Pipe error = Pipe::Make().value();
  options.program = program.get();
  options.arguments = {"attacker", confinement,   attack, std::to_string(::getpid()),
                       port_,      abstract_name_};
  options.fds = {{.source = out.writer.get(), .target = STDOUT_FILENO},
                 {.source = error.writer.get(), .target = STDERR_FILENO},
                 {.source = kvm.get(), .target = kKvmTarget}};
  const auto child = jailer::Spawn(options);
  EXPECT_TRUE(child.ok()) << child.status();
  if (!child.ok()) return {};
  Outcome outcome;
  outcome.result = ReadAll(out);
  outcome.words = ReadAll(error);
  outcome.end = child->Wait().value();
  return outcome;
}

}  // namespace mayfly::testing
