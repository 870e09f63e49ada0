// What is wrong with a command, a file or the host is said in one sentence, with what it is about
// and what to do.

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int kUsage = 2;
constexpr int kFailure = 125;

class BadInputTest : public CliTest {
 protected:
  // One sentence of ours, holding all of `parts`; nothing from the RPC layer shows through.
  void ExpectComplaint(Command& command, int code, const std::vector<std::string>& parts) {
    const CommandResult result = command.Run();
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, StartsWith("mayfly: "));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    for (const std::string& part : parts) EXPECT_THAT(result.err, HasSubstr(part));
    for (const char* leak : {"exception", "INVALID_ARGUMENT", ".c++", ".cc:"}) {
      EXPECT_THAT(result.err, Not(HasSubstr(leak)));
    }
  }
  void ExpectComplaint(Command&& command, int code, const std::vector<std::string>& parts) {
    ExpectComplaint(command, code, parts);
  }

  [[nodiscard]] std::string HelloBytes() const {
    std::ifstream file(GuestPath("hello"), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
};

TEST_F(BadInputTest, Commands) {
  ExpectComplaint(Mayfly({}), kUsage, {"--help"});
  ExpectComplaint(Mayfly({"fly"}), kUsage, {"\"fly\"", "--help"});
  ExpectComplaint(Mayfly({"--wings"}), kUsage, {"\"--wings\"", "mayfly --help"});
  ExpectComplaint(Mayfly({"--host"}), kUsage, {"--host: a value is missing"});
  ExpectComplaint(Mayfly({"--host=", "ps"}), kUsage, {"--host: give a service's socket"});
  ExpectComplaint(Mayfly({"run"}), kUsage, {"--kernel", "mayfly run --help"});
  ExpectComplaint(Mayfly({"run", "--wings", "2"}), kUsage, {"--wings", "mayfly run --help"});
  ExpectComplaint(Mayfly({"doctor", "who"}), kUsage, {"\"who\"", "mayfly doctor --help"});
  ExpectComplaint(RunGuest("hello", {"--timeline=/nonexistent/t.svg"}), kUsage,
                  {"/nonexistent/t.svg", "name a file"});
}

TEST_F(BadInputTest, Specifications) {
  const auto expect = [this](const std::string& text, const std::vector<std::string>& parts) {
    const std::string path = MakeFile("vm.json", text);
    std::vector<std::string> all = {path};
    all.insert(all.end(), parts.begin(), parts.end());
    ExpectComplaint(Mayfly({"run", "-f", path}), kUsage, all);
  };
  expect(R"({"kernel": {"name": "/nonexistent/kernel"}, "wings": 2})", {"wings", "no such field"});
  expect("{\n\"cpus\": 1,,\n}", {"line 2"});
  expect("(cpus = 1,\n wings = 2)", {"line 2"});
  expect(R"({"disks": [{"engine": "warp"}]})", {"disks[0].engine", "ioUring"});
  ExpectComplaint(Mayfly({"run", "-f", MakeFile("empty.json", "{}")}), kUsage,
                  {"a kernel is needed"});
  ExpectComplaint(Mayfly({"run", "-f", "/nonexistent/vm.json"}), kUsage,
                  {"/nonexistent/vm.json", "No such file"});
  ExpectComplaint(Mayfly({"run", "-f", "-"}), kUsage, {"standard input: line 1"});
  ExpectComplaint(Mayfly({"version", "-o", "xml"}), kUsage, {"\"xml\"", "text, json"});
}

TEST_F(BadInputTest, KernelIsNoKernel) {
  ExpectComplaint(Mayfly({"run", "--kernel", "/nonexistent/kernel"}), kUsage,
                  {"kernel /nonexistent/kernel", "No such file", "check the path"});
  for (const auto& [name, content, remedy] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"empty", "", "copy or build it again"},
           {"garbage", std::string(100'000, '\xa5'), "give the VM a kernel"},
           {"truncated", HelloBytes().substr(0, 100), "copy or build it again"},
           {"cut-in-a-segment", HelloBytes().substr(0, 5000), "copy or build it again"}}) {
    const std::string path = MakeFile(name, content);
    ExpectComplaint(Mayfly({"run", "--kernel", path}), kUsage, {path, remedy});
  }
  ExpectComplaint(Mayfly({"run", "--kernel", Path("home")}), kUsage,
                  {Path("home"), "it is a directory: name a file"});
}

TEST_F(BadInputTest, KernelIsNotOurs) {
  const std::string path = MakeFile("secret", HelloBytes());
  std::filesystem::permissions(path, std::filesystem::perms::none);
  Command command = Mayfly({"run", "--kernel", path});
  command.Prepare(ObeyPermissions);
  ExpectComplaint(command, kUsage, {"kernel " + path, "Permission denied", "readable"});
}

TEST_F(BadInputTest, KernelIsAFifoWithoutAWriter) {
  const std::string path = Path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  ExpectComplaint(Mayfly({"run", "--kernel", path}), kUsage, {path, "block device: name one"});
}

TEST_F(BadInputTest, Initrd) {
  ExpectComplaint(RunGuest("hello", {"--initrd", "/nonexistent/initrd"}), kUsage,
                  {"initrd /nonexistent/initrd", "No such file"});
  const std::string large = MakeSparseFile("large", uint64_t{200} << 20);
  ExpectComplaint(RunGuest("hello", {"--initrd", large, "--memory", "64M"}), kUsage,
                  {large, "give the VM more memory"});
  ExpectComplaint(RunGuest("hello", {"--initrd", Path("home")}), kUsage,
                  {Path("home"), "it is a directory: name a file"});
}

TEST_F(BadInputTest, CommandLineIsTooLong) {
  ExpectComplaint(RunGuest("hello", {"--cmdline", std::string(100'000, 'x')}), kUsage,
                  {"command line"});
}

TEST_F(BadInputTest, Memory) {
  ExpectComplaint(RunGuest("hello", {"--memory", "0"}), kUsage, {"memory"});
  ExpectComplaint(RunGuest("hello", {"--memory", "4097"}), kUsage, {"memory"});
  ExpectComplaint(RunGuest("hello", {"--memory", "1M"}), kUsage, {"memory"});
  ExpectComplaint(RunGuest("hello", {"--memory", "4000T"}), kUsage, {"memory"});
  ExpectComplaint(RunGuest("hello", {"--memory", "much"}), kUsage, {"--memory", "512MiB"});
  ExpectComplaint(RunGuest("hello", {"--memory", "9M,pages=reserved"}), kUsage,
                  {"pages of 2 MiB", "such as 10 MiB"});
}

TEST_F(BadInputTest, Cpus) {
  ExpectComplaint(RunGuest("hello", {"--cpus", "0"}), kUsage, {"--cpus"});
  ExpectComplaint(RunGuest("hello", {"--cpus", "60000"}), kUsage, {"60000"});
}

TEST_F(BadInputTest, DiskIsNoDisk) {
  ExpectComplaint(RunGuest("block", {"--disk", "/nonexistent/disk"}), kUsage,
                  {"disk /nonexistent/disk", "No such file"});
  ExpectComplaint(RunGuest("block", {"--disk", Path("home")}), kUsage, {Path("home"), "mke2fs"});
  ExpectComplaint(RunGuest("block", {"--disk", Path("home") + ",ro"}), kUsage,
                  {Path("home"), "directory"});
  const std::string odd = MakeSparseFile("odd", 1000);
  ExpectComplaint(RunGuest("block", {"--disk", odd}), kUsage, {odd, "512"});
}

TEST_F(BadInputTest, DiskIsReadOnly) {
  const std::string path = MakeSparseFile("disk", 65536);
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  Command command = RunGuest("block", {"--disk", path});
  command.Prepare(ObeyPermissions);
  ExpectComplaint(command, kUsage, {"disk " + path, "for writing", "\",ro\""});
  Command read_only = RunGuest("block", {"--disk", path + ",ro"});
  read_only.Prepare(ObeyPermissions);
  EXPECT_EQ(read_only.Run().exit_code, 0);
}

TEST_F(BadInputTest, DiskIsInUse) {
  const std::string path = MakeSparseFile("disk", 65536);
  Command first = RunGuest("echo", {"--disk", path});
  first.Start();
  first.AwaitOutput("ready");
  const CommandResult second = RunGuest("block", {"--disk", path}).Run();
  EXPECT_EQ(second.exit_code, kUsage);
  EXPECT_THAT(second.err, HasSubstr(path));
  EXPECT_THAT(second.err, HasSubstr("in use"));
  first.Write("quit\n");
  EXPECT_EQ(first.Wait().exit_code, 0);
  // Free the moment the first command has ended, though its VM may still be being torn down.
  EXPECT_EQ(RunGuest("block", {"--disk", path}).Run().exit_code, 0);
}

TEST_F(BadInputTest, ADrawingIsMadeForAVmThatBegins) {
  const std::string fresh = Path("fresh.svg");
  const std::string old = MakeFile("old.svg", "an older one");
  for (const std::string& kernel :
       {std::string("/nonexistent/kernel"), MakeFile("garbage", std::string(100'000, 'x'))}) {
    for (const std::string& drawing : {fresh, old}) {
      ExpectComplaint(Mayfly({"run", "--kernel", kernel, "--timeline=" + drawing}), kUsage,
                      {kernel});
    }
    EXPECT_FALSE(std::filesystem::exists(fresh)) << kernel;
    EXPECT_EQ(std::filesystem::file_size(old), std::string("an older one").size()) << kernel;
  }
}

TEST_F(BadInputTest, AnOverlayIsMadeForAVmThatBegins) {
  const std::string fresh = Path("fresh");
  const std::string disk = MakeSparseFile("disk", 65536) + ",overlay=";
  const std::string garbage = MakeFile("garbage", std::string(100'000, 'x'));
  ExpectComplaint(RunGuest("block", {"--disk", disk + fresh, "--disk", "/nonexistent/disk"}),
                  kUsage, {"/nonexistent/disk"});
  EXPECT_FALSE(std::filesystem::exists(fresh)) << "after a disk that is not there";
  // The VMM gets to it, and writes what an overlay begins with.
  ExpectComplaint(Mayfly({"run", "--kernel", garbage, "--disk", disk + fresh}), kUsage, {garbage});
  EXPECT_FALSE(std::filesystem::exists(fresh)) << "after a kernel that is none";
  const std::string old = MakeFile("old", "");
  ExpectComplaint(Mayfly({"run", "--kernel", garbage, "--disk", disk + old}), kUsage, {garbage});
  EXPECT_TRUE(std::filesystem::exists(old)) << "it was somebody's";
}

TEST_F(BadInputTest, NoKvm) {
  Command command = RunGuest("hello");
  command.Prepare(HideKvm);
  ExpectComplaint(command, kFailure, {"/dev/kvm", "No such file", "mayfly doctor"});
}

TEST_F(BadInputTest, KvmIsNotForUs) {
  Command command = RunGuest("hello");
  command.Prepare(ForbidKvm);
  ExpectComplaint(command, kFailure, {"/dev/kvm", "group kvm", "mayfly doctor"});
}

TEST_F(BadInputTest, DoctorAgrees) {
  const CommandResult good = Mayfly({"doctor"}).Run();
  EXPECT_EQ(good.exit_code, 0) << good.out;
  EXPECT_THAT(good.out, HasSubstr("Guests can run here.\n"));

  Command without = Mayfly({"doctor"});
  without.Prepare(HideKvm);
  const CommandResult bad = without.Run();
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.out, HasSubstr("FAULT KVM cannot be used"));
  EXPECT_THAT(bad.out, HasSubstr("kvm_intel"));

  Command forbidden = Mayfly({"doctor"});
  forbidden.Prepare(ForbidKvm);
  EXPECT_THAT(forbidden.Run().out, HasSubstr("usermod -aG kvm"));
}

TEST_F(BadInputTest, HelpAndVersionAreNoErrors) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--help"},
                                             {"-h"},
                                             {"--vers"},
                                             {"--host=none", "--help"},
                                             {"run", "--help"},
                                             {"doctor", "--help"}}) {
    const CommandResult result = Mayfly(words).Run();
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, Not(IsEmpty()));
    EXPECT_THAT(result.err, IsEmpty());
  }
  const OwnedFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Command command = Mayfly({"--help"});
  command.Stdout(full.get());
  ExpectComplaint(command, kFailure, {"standard output", "No space left"});
}

}  // namespace
}  // namespace mayfly::testing
