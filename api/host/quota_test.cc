#include "api/host/quota.h"

#include <cstdint>
#include <memory>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::HasSubstr;

constexpr VmTotals kOne = {.machines = 1, .memory_bytes = 100, .cpus = 2};

TEST(QuotaTest, WhatIsTakenIsGivenBack) {
  const auto user = std::make_shared<Quota>("this user", VmTotals{.machines = 1});
  std::optional<QuotaShare> share = *QuotaShare::Take({user}, kOne);
  EXPECT_EQ(user->taken().memory_bytes, 100U);
  const auto second = QuotaShare::Take({user}, kOne);
  EXPECT_TRUE(absl::IsResourceExhausted(second.status()));
  EXPECT_THAT(second.status().ToString(), HasSubstr("machines: this user has 1 of at most 1"));
  share.reset();
  EXPECT_EQ(user->taken().machines, 0U);
  EXPECT_TRUE(QuotaShare::Take({user}, kOne).ok());
}

TEST(QuotaTest, NothingIsTakenWhereOneRefuses) {
  const auto wide = std::make_shared<Quota>("this host", VmTotals{});
  const auto narrow = std::make_shared<Quota>("this connection", VmTotals{.memory_bytes = 99});
  const auto share = QuotaShare::Take({wide, narrow}, kOne);
  EXPECT_THAT(share.status().ToString(), HasSubstr("memoryBytes: this connection"));
  EXPECT_EQ(wide->taken().machines, 0U);
}

TEST(QuotaTest, NumbersDoNotWrap) {
  Quota quota("this user", VmTotals{.memory_bytes = 100});
  quota.Add({.machines = 1, .memory_bytes = 50, .cpus = 1});
  EXPECT_FALSE(quota.Check({.memory_bytes = ~uint64_t{0}}).ok());
  EXPECT_TRUE(quota.Check({.memory_bytes = 50}).ok());
  EXPECT_FALSE(quota.Check({.memory_bytes = 51}).ok());
}

TEST(QuotaTest, ZeroIsNoLimit) {
  Quota quota("this user", VmTotals{});
  quota.Add({.machines = 1'000'000, .memory_bytes = ~uint64_t{0} >> 1, .cpus = 1'000'000});
  EXPECT_TRUE(quota.Check(kOne).ok());
}

}  // namespace
}  // namespace mayfly::api
