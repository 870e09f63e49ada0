#include "api/cli/doctor.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

// A made-up /proc and /sys.
class DoctorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "doctor-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    paths_.root = name;
    paths_.kvm = name + "/dev/kvm";
  }
  void TearDown() override { fs::remove_all(paths_.root); }

  void Write(const std::string& path, const std::string& content) const {
    fs::create_directories(fs::path(paths_.root + path).parent_path());
    std::ofstream(paths_.root + path) << content << "\n";
  }
  [[nodiscard]] std::string Said() const { return FormatFindings(Examine(paths_)); }

  HostPaths paths_;
};

TEST_F(DoctorTest, NoKvmIsAFaultWithARemedy) {
  EXPECT_THAT(Said(), HasSubstr("FAULT KVM cannot be used"));
  EXPECT_THAT(Said(), HasSubstr("kvm_intel or kvm_amd"));
  EXPECT_THAT(Said(), HasSubstr("Guests cannot run here yet."));
}

TEST_F(DoctorTest, AFileInKvmsPlaceIsAFault) {
  Write("/dev/kvm", "no device");
  EXPECT_THAT(Said(), HasSubstr("FAULT KVM speaks version -1"));
}

TEST_F(DoctorTest, AMissingTunIsANoteWithARemedy) {
  paths_.tun = paths_.root + "/dev/net/tun";
  EXPECT_THAT(Said(), HasSubstr("note  Tap interfaces cannot be used"));
  EXPECT_THAT(Said(), HasSubstr("modprobe tun"));
  Write("/dev/net/tun", "");
  EXPECT_THAT(Said(), HasSubstr("ok    Tap interfaces may be used"));
}

TEST_F(DoctorTest, AMissingPasstIsANoteWithARemedy) {
  ASSERT_EQ(::setenv("MAYFLY_PASST", "/nonexistent/passt", 1), 0);
  EXPECT_THAT(Said(), HasSubstr("note  --net user cannot be used"));
  ASSERT_EQ(::setenv("MAYFLY_PASST", "/bin/true", 1), 0);
  EXPECT_THAT(Said(), HasSubstr("ok    passt is installed"));
  ::unsetenv("MAYFLY_PASST");
}

TEST_F(DoctorTest, SpeaksOfIoUring) { EXPECT_THAT(Said(), HasSubstr("io_uring")); }

TEST_F(DoctorTest, SlowSettingsAreNotes) {
  Write("/sys/module/kvm/parameters/nx_huge_pages", "Y");
  Write("/proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate");
  Write("/proc/sys/vm/overcommit_memory", "2");
  EXPECT_THAT(Said(), HasSubstr("note  kvm.nx_huge_pages is Y"));
  EXPECT_THAT(Said(), HasSubstr("note  cgroup2 is mounted without favordynmods"));
  EXPECT_THAT(Said(), HasSubstr("note  vm.overcommit_memory is 2"));
}

TEST_F(DoctorTest, GoodSettingsAreNotSpokenOf) {
  Write("/sys/module/kvm/parameters/nx_huge_pages", "never");
  Write("/proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate,favordynmods");
  Write("/proc/sys/vm/overcommit_memory", "0");
  EXPECT_THAT(Said(), Not(HasSubstr("nx_huge_pages")));
  EXPECT_THAT(Said(), Not(HasSubstr("favordynmods")));
  EXPECT_THAT(Said(), Not(HasSubstr("overcommit")));
}

TEST(FormatFindings, ANoteDoesNotStopGuests) {
  const std::vector<Finding> findings = {{Finding::Weight::kGood, "Fine.", ""},
                                         {Finding::Weight::kNote, "Slow.", "Be quick."}};
  EXPECT_EQ(FormatFindings(findings),
            "ok    Fine.\nnote  Slow.\n      -> Be quick.\nGuests can run here.\n");
}

}  // namespace
}  // namespace mayfly::cli
