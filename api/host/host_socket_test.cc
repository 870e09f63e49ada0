#include "api/host/host_socket.h"

#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/owned_fd.h"
#include "base/unix_address.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

namespace fs = std::filesystem;

class HostSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/host-socket-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }
  [[nodiscard]] std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  static void ExpectListens(const std::string& path) {
    const auto address = UnixAddress::At(path);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->Connect().status(), absl::OkStatus());
  }

  std::string directory_;
};

// What has happened to each name that `inotify` watches.
std::map<std::string, uint32_t> EventsOf(int inotify) {
  std::map<std::string, uint32_t> events;
  std::vector<char> buffer(size_t{64} << 10);
  const ssize_t length = ::read(inotify, buffer.data(), buffer.size());
  for (ssize_t at = 0; at < length;) {
    inotify_event event{};
    std::copy_n(&buffer[static_cast<size_t>(at)], sizeof event, reinterpret_cast<char*>(&event));
    events[&buffer[static_cast<size_t>(at) + sizeof event]] |= event.mask;
    at += static_cast<ssize_t>(sizeof event + event.len);
  }
  return events;
}

TEST_F(HostSocketTest, WhenItsNameIsThereItListens) {
  const OwnedFd inotify(::inotify_init1(IN_CLOEXEC));
  ASSERT_GE(::inotify_add_watch(inotify.get(), directory_.c_str(), IN_CREATE | IN_MOVED_TO), 0);
  const auto socket = HostSocket::Bind(Path("host.sock"), {.mode = 0640});
  ASSERT_TRUE(socket.ok()) << socket.status();
  // Not made by bind(2) under that name, but moved there when all was done.
  EXPECT_EQ(EventsOf(inotify.get())["host.sock"], uint32_t{IN_MOVED_TO});
  ExpectListens(Path("host.sock"));
  struct stat status {};
  ASSERT_EQ(::stat(Path("host.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640U);
}

TEST_F(HostSocketTest, ItIsGoneWithoutALeftOver) {
  for (int twice = 0; twice < 2; ++twice) {
    const auto socket = HostSocket::Bind(Path("host.sock"), {});
    ASSERT_TRUE(socket.ok()) << socket.status();
    EXPECT_EQ(socket->path(), Path("host.sock"));
  }
  EXPECT_TRUE(fs::is_empty(directory_));
}

// Killed before it listened: under the name that it has until then.
TEST_F(HostSocketTest, WhatOthersLeftThatWereKilledIsRemoved) {
  const std::string path = Path("host.sock");
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(dead, nullptr, 0), dead);
  const auto bind = [](const std::string& name) {
    const OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = UnixAddress::At(name);
    return ::bind(socket.get(), address->get(), address->size()) == 0;
  };
  const std::string stale = path + "." + std::to_string(dead);
  const std::string alive = path + "." + std::to_string(::getppid());
  const std::string others = Path("other.sock.") + std::to_string(dead);
  for (const std::string& name : {stale, alive, others}) ASSERT_TRUE(bind(name)) << name;
  std::ofstream(path + ".0" + std::to_string(dead)) << "somebody's";
  const auto socket = HostSocket::Bind(path, {});
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(alive)) << "it may be about to listen";
  EXPECT_TRUE(fs::exists(others));
  EXPECT_TRUE(fs::exists(path + ".0" + std::to_string(dead)));
}

TEST_F(HostSocketTest, ThePathMayBeAsLongAsThereIsRoom) {
  const std::string path = Path(std::string(107 - directory_.size() - 1, 'x'));
  ASSERT_TRUE(UnixAddress::At(path).ok());
  const auto socket = HostSocket::Bind(path, {});
  ASSERT_TRUE(socket.ok()) << socket.status();
  ExpectListens(path);
}

}  // namespace
}  // namespace mayfly::api
