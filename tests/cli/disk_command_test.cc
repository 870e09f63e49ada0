// `mayfly disk`: overlays between runs of their guest.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kUsage = 2;
constexpr uint64_t kDiskBytes = uint64_t{8} << 20;

class DiskCommandTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    base_ = MakeSparseFile("base", kDiskBytes);
    upper_ = Path("upper");
    image_ = Path("image");
    ASSERT_EQ(Write(base_).exit_code, 0);
  }

  // A guest writes to the overlay over `base`.
  [[nodiscard]] CommandResult Write(const std::string& base) const {
    return RunGuest("disk_writer",
                    {"--disk", base + ",overlay=" + upper_, "--cmdline", "batches=3"})
        .Run();
  }
  [[nodiscard]] CommandResult Disk(std::vector<std::string> words) const {
    words.insert(words.begin(), "disk");
    return Mayfly(std::move(words)).Run();
  }

  std::string base_;
  std::string upper_;
  std::string image_;
};

TEST_F(DiskCommandTest, SaysWhatIsInAnOverlay) {
  const CommandResult result = Disk({"info", upper_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("8388608 bytes"));
  EXPECT_THAT(result.out, HasSubstr("in order"));
}

TEST_F(DiskCommandTest, FlattensAndCommits) {
  EXPECT_EQ(Disk({"flatten", upper_, base_, image_}).exit_code, 0);
  EXPECT_EQ(std::filesystem::file_size(image_), kDiskBytes);
  const std::string next = Path("next");
  const CommandResult result = Disk({"commit", upper_, base_, next});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Write(base_).exit_code, kUsage) << "the old base is still taken";
  EXPECT_EQ(Write(next).exit_code, 0);
}

TEST_F(DiskCommandTest, RefusesAChangedBaseAndLeavesNoImage) {
  std::filesystem::resize_file(base_, 2 * kDiskBytes);
  const CommandResult result = Disk({"flatten", upper_, base_, image_});
  EXPECT_EQ(result.exit_code, kUsage);
  EXPECT_THAT(result.err, HasSubstr("give it the base that it was made over"));
  EXPECT_FALSE(std::filesystem::exists(image_));
}

TEST_F(DiskCommandTest, RebasesOntoACopy) {
  const std::string copy = MakeSparseFile("copy", kDiskBytes);
  EXPECT_EQ(Write(copy).exit_code, kUsage);
  EXPECT_EQ(Disk({"rebase", upper_, copy}).exit_code, 0);
  EXPECT_EQ(Write(copy).exit_code, 0);
}

TEST_F(DiskCommandTest, DoesNotWriteOverAFile) {
  const CommandResult result = Disk({"flatten", upper_, base_, MakeFile("kept", "mine")});
  EXPECT_EQ(result.exit_code, kUsage);
  EXPECT_THAT(result.err, HasSubstr("name a new file"));
}

TEST_F(DiskCommandTest, RefusesWhatItDoesNotUnderstand) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {}, {"shrink", upper_}, {"info"}, {"flatten", upper_, base_}, {"info", Path("none")}}) {
    EXPECT_EQ(Disk(words).exit_code, kUsage);
  }
  EXPECT_EQ(Disk({"info", base_}).exit_code, kUsage) << "a raw disk is no overlay";
  EXPECT_EQ(Disk({"--help"}).exit_code, 0);
}

}  // namespace
}  // namespace mayfly::testing
