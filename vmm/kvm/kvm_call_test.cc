#include "vmm/kvm/kvm_call.h"

#include <fcntl.h>

#include "base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/kvm/kvm.h"

namespace mayfly::vmm {
namespace {

using ::testing::HasSubstr;

constexpr KvmRequest kRequest{KVM_CREATE_VM, "KVM_CREATE_VM"};

TEST(KvmErrorTest, NamesTheRequestTheErrorAndTheRemedy) {
  const absl::Status status = KvmError(kRequest, EACCES);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("KVM_CREATE_VM: Permission denied"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("add the user to the group"));
}

TEST(KvmErrorTest, AnErrorWithoutAKnownRemedyStaysPlain) {
  EXPECT_EQ(KvmError(kRequest, EIO).message(), "KVM_CREATE_VM: Input/output error");
}

TEST(KvmErrorTest, TheUserIsNotBlamed) {
  for (const int error : {EINVAL, EBUSY, EEXIST, ENOTTY}) {
    const absl::StatusCode code = KvmError(kRequest, error).code();
    EXPECT_NE(code, absl::StatusCode::kInvalidArgument) << error;
    EXPECT_NE(code, absl::StatusCode::kFailedPrecondition) << error;
  }
}

TEST(KvmTest, RefusesWhatIsNotKvm) {
  const OwnedFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto kvm = Kvm::Attach(file.get());
  EXPECT_THAT(std::string(kvm.status().message()), HasSubstr("is not /dev/kvm"));
}

TEST(KvmTest, RefusesAClosedDescriptor) { EXPECT_FALSE(Kvm::Attach(-1).ok()); }

}  // namespace
}  // namespace mayfly::vmm
