#include "api/codec/permissions.h"

#include <capnp/message.h>
#include <capnp/schema.h>

#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::HasSubstr;
using Permission = rpc::Permission;

absl::StatusOr<Permissions> Narrow(const Permissions& from,
                                   std::initializer_list<Permission> asked) {
  capnp::MallocMessageBuilder message;
  auto list = message.initRoot<rpc::Machine::NarrowParams>().initPermissions(
      static_cast<capnp::uint>(asked.size()));
  capnp::uint position = 0;
  for (const Permission permission : asked) list.set(position++, permission);
  return from.Narrow(list.asReader());
}

Permissions Only(Permission permission) { return Narrow(Permissions::All(), {permission}).value(); }

// What the schema has, by its names; the rest needs `control`.
const std::map<std::string, Permission> kNeeds = {{"wait", Permission::WAIT},
                                                  {"events", Permission::WAIT},
                                                  {"console", Permission::CONSOLE},
                                                  {"stats", Permission::STATS},
                                                  {"timeline", Permission::STATS}};

TEST(PermissionsTest, EachMethodNeedsOne) {
  for (const auto method : capnp::Schema::from<rpc::Machine>().getMethods()) {
    const std::string name = method.getProto().getName().cStr();
    if (name == "narrow") continue;
    const auto found = kNeeds.find(name);
    const Permission needs = found == kNeeds.end() ? Permission::CONTROL : found->second;
    for (const Permission has :
         {Permission::WAIT, Permission::CONSOLE, Permission::STATS, Permission::CONTROL}) {
      const absl::Status status = Only(has).Check(method.getOrdinal());
      if (has == needs) {
        EXPECT_EQ(status, absl::OkStatus()) << name;
      } else {
        EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << name;
        EXPECT_THAT(std::string(status.message()), HasSubstr(name));
      }
    }
    EXPECT_EQ(Permissions::All().Check(method.getOrdinal()), absl::OkStatus()) << name;
  }
}

TEST(PermissionsTest, AGiantListIsRefused) {
  capnp::MallocMessageBuilder message;
  const auto list = message.initRoot<rpc::Machine::NarrowParams>().initPermissions(100'000);
  const absl::Status status = Permissions::All().Narrow(list.asReader()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("permissions: there are 100000"));
}

TEST(PermissionsTest, EveryHandleCanBeNarrowed) {
  const auto narrow = capnp::Schema::from<rpc::Machine>().getMethodByName("narrow").getOrdinal();
  EXPECT_EQ(Narrow(Permissions::All(), {})->Check(narrow), absl::OkStatus());
}

TEST(PermissionsTest, WhatIsNewerNeedsControl) {
  EXPECT_EQ(Only(Permission::CONTROL).Check(UINT16_MAX), absl::OkStatus());
  EXPECT_EQ(Only(Permission::WAIT).Check(UINT16_MAX).code(), absl::StatusCode::kPermissionDenied);
}

TEST(PermissionsTest, NobodyGivesWhatHeHasNot) {
  const auto two = Narrow(Permissions::All(), {Permission::WAIT, Permission::STATS});
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(*Narrow(*two, {Permission::WAIT}), Only(Permission::WAIT));
  const auto more = Narrow(*two, {Permission::WAIT, Permission::CONTROL});
  EXPECT_EQ(more.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(more.status().message()), HasSubstr("`control`"));
}

TEST(PermissionsTest, PermissionsOfTheFutureAreRefused) {
  const auto unknown = Narrow(Permissions::All(), {static_cast<Permission>(40)});
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("40"));
}

}  // namespace
}  // namespace mayfly::api
