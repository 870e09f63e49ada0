#pragma once

#include <unistd.h>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/bench/host_counters.h"

namespace mayfly::bench {

// For tests that count what processes cost: skipped where the host does not let us, or cannot.
class CountingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::Status status = HostCounters::Attach(::getpid()).status();
    if (absl::IsPermissionDenied(status) || absl::IsUnimplemented(status) ||
        absl::IsNotFound(status)) {
      GTEST_SKIP() << "runs for root, on a host with tracefs and kvm: " << status;
    }
    ASSERT_TRUE(status.ok()) << status;
  }
};

}  // namespace mayfly::bench
