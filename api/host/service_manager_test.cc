#include "api/host/service_manager.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <utility>

#include "api/host/host_socket.h"
#include "base/socket_pair.h"
#include "base/unix_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::HasSubstr;

// Where systemd puts the first socket. What the test has there is put aside meanwhile.
constexpr int kFirstSocket = 3;

class ServiceManagerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "mayfly-manager-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    aside_ = OwnedFd(::dup(kFirstSocket));
  }
  void TearDown() override {
    if (aside_.valid()) ::dup2(aside_.get(), kFirstSocket);
    std::filesystem::remove_all(directory_);
  }
  static void Give(const std::string& pid, const std::string& sockets) {
    ::setenv("LISTEN_PID", pid.c_str(), 1);
    ::setenv("LISTEN_FDS", sockets.c_str(), 1);
  }

  std::string directory_;
  OwnedFd aside_;
};

TEST_F(ServiceManagerTest, ItsSocketIsTakenOnceAndItsWordsAreForUsAlone) {
  const std::string path = directory_ + "/host.sock";
  const auto address = UnixAddress::At(path);
  ASSERT_TRUE(address.ok()) << address.status();
  OwnedFd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listening.get(), address->get(), address->size()), 0);
  ASSERT_EQ(::listen(listening.get(), 1), 0);
  ASSERT_EQ(::dup2(listening.get(), kFirstSocket), kFirstSocket);
  Give(std::to_string(::getpid()), "1");
  ServiceManager manager;
  EXPECT_EQ(::getenv("LISTEN_FDS"), nullptr);
  auto taken = manager.TakeSocket();
  ASSERT_TRUE(taken.ok() && *taken) << taken.status();
  auto socket = HostSocket::Take(**std::move(taken));
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(socket->path(), path);
  socket->Close();
  EXPECT_TRUE(std::filesystem::exists(path)) << "it is the service manager's";
  EXPECT_FALSE(*manager.TakeSocket());
}

TEST_F(ServiceManagerTest, SocketsOfAnotherProcessAreNotOurs) {
  Give(std::to_string(::getppid()), "1");
  ServiceManager manager;
  EXPECT_FALSE(*manager.TakeSocket());
}

TEST_F(ServiceManagerTest, MoreThanOneIsRefused) {
  const OwnedFd second_aside(::dup(kFirstSocket + 1));
  ASSERT_EQ(::dup2(STDIN_FILENO, kFirstSocket), kFirstSocket);
  ASSERT_EQ(::dup2(STDIN_FILENO, kFirstSocket + 1), kFirstSocket + 1);
  Give(std::to_string(::getpid()), "2");
  ServiceManager manager;
  if (second_aside.valid()) ::dup2(second_aside.get(), kFirstSocket + 1);
  EXPECT_THAT(std::string(manager.TakeSocket().status().message()), HasSubstr("2 sockets"));
}

TEST_F(ServiceManagerTest, WhatDoesNotListenIsNoSocketForUs) {
  SocketPair pair = SocketPair::Make().value();
  EXPECT_TRUE(absl::IsInvalidArgument(HostSocket::Take(std::move(pair.ours)).status()));
}

TEST_F(ServiceManagerTest, ItIsToldWhatHappens) {
  const std::string path = directory_ + "/notify";
  const OwnedFd inbox(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(inbox.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  const ServiceManager manager;
  manager.Notify("READY=1");
  std::array<char, 64> text{};
  const ssize_t length = ::recv(inbox.get(), text.data(), text.size(), MSG_DONTWAIT);
  ASSERT_GT(length, 0);
  EXPECT_EQ(std::string(text.data(), static_cast<size_t>(length)), "READY=1");
}

}  // namespace
}  // namespace mayfly::api
