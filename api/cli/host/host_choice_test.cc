#include "api/cli/host/host_choice.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "api/client/host_connection.h"
#include "base/owned_fd.h"
#include "base/unix_address.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

constexpr char kVariable[] = "MAYFLY_HOST";

class HostChoiceTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::unsetenv(kVariable), 0); }
  void TearDown() override { ASSERT_EQ(::unsetenv(kVariable), 0); }
};

TEST_F(HostChoiceTest, WhatNobodyAskedForIsTheUsersOwn) {
  for (const char* const variable : {static_cast<const char*>(nullptr), ""}) {
    if (variable != nullptr) {
      ASSERT_EQ(::setenv(kVariable, variable, 1), 0);
    }
    const HostChoice choice = ChooseHost(std::nullopt);
    EXPECT_FALSE(choice.asked_for);
    EXPECT_EQ(choice.path, api::DefaultHostSocket());
  }
}

TEST_F(HostChoiceTest, AnOptionCountsMoreThanTheVariable) {
  SetHost("/of/the/variable");
  const HostChoice of_variable = ChooseHost(std::nullopt);
  EXPECT_TRUE(of_variable.asked_for);
  EXPECT_EQ(of_variable.path, "/of/the/variable");
  const HostChoice of_option = ChooseHost("/of/the/option");
  EXPECT_TRUE(of_option.asked_for);
  EXPECT_EQ(of_option.path, "/of/the/option");
}

TEST_F(HostChoiceTest, NoneIsAskedForToo) {
  const HostChoice of_option = ChooseHost("none");
  EXPECT_TRUE(of_option.asked_for);
  EXPECT_EQ(of_option.path, "");
  SetHost("none");
  const HostChoice of_variable = ChooseHost(std::nullopt);
  EXPECT_TRUE(of_variable.asked_for);
  EXPECT_EQ(of_variable.path, "");
}

TEST_F(HostChoiceTest, OnlyWhoListensAnswers) {
  std::string directory = ::testing::TempDir() + "mayfly-host-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/host.sock";
  EXPECT_FALSE(HostAnswers(path));
  {
    const OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = UnixAddress::At(path);
    ASSERT_TRUE(address.ok()) << address.status();
    ASSERT_EQ(::bind(socket.get(), address->get(), address->size()), 0);
    EXPECT_FALSE(HostAnswers(path));
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    EXPECT_TRUE(HostAnswers(path));
  }
  // What a dead one left.
  EXPECT_FALSE(HostAnswers(path));
  EXPECT_FALSE(HostAnswers(std::string(1000, 'x')));
  EXPECT_EQ(::unlink(path.c_str()), 0);
  EXPECT_EQ(::rmdir(directory.c_str()), 0);
}

}  // namespace
}  // namespace mayfly::cli
