// What the commands say to other programs.

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/host_cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class HostJsonTest : public HostCliTest {
 protected:
  enum class Values { kOne, kOneInEachLine };

  // `said` as another program reads it and writes it again: indented, a blank behind each colon.
  [[nodiscard]] std::string Parsed(const std::string& said, Values values = Values::kOne) const {
    std::vector<std::string> words = {"/usr/bin/python3", "-m", "json.tool", "--no-ensure-ascii"};
    if (values == Values::kOneInEachLine) words.emplace_back("--json-lines");
    Command parser(std::move(words), {"PYTHONUTF8=1"}, Path("work"));
    parser.Start();
    parser.Write(said);
    const CommandResult result = parser.Wait();
    EXPECT_EQ(result.exit_code, 0) << result.err << said;
    return result.out;
  }
  // Of what `mayfly` says with `words`, and --output json.
  [[nodiscard]] std::string ParsedJson(std::vector<std::string> words, int exit_code = 0) const {
    words.insert(words.end(), {"-o", "json"});
    const CommandResult said = Host(std::move(words)).Run();
    EXPECT_EQ(said.exit_code, exit_code) << said.err;
    return Parsed(said.out);
  }
};

TEST_F(HostJsonTest, OtherProgramsUnderstandIt) {
  ExpectComplaint({"run", "--kernel", GuestPath("echo"), "--label", "job=\xff"}, kUsage,
                  {"labels[0].value", "UTF-8"});
  const std::string disk = MakeSparseFile("base", 65536) + ",overlay=" + Path("layer");
  Command vm =
      Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "web", "--disk", disk, "--net",
              "none,mac=02:00:00:00:00:07,address=192.0.2.0/24", "--label", "job=gr\xc3\xbcn"});
  StartEcho(vm);
  const std::string inspected = ParsedJson({"inspect", "web"});
  EXPECT_THAT(inspected, AllOf(HasSubstr("\"02:00:00:00:00:07\""), HasSubstr("\"192.0.2.0/24\"")));
  EXPECT_THAT(Host({"inspect", "web"}).Run().out, StartsWith("{"));
  EXPECT_THAT(ParsedJson({"stats", "web"}), HasSubstr("\"02:00:00:00:00:07\""));
  EXPECT_THAT(ParsedJson({"ps"}), HasSubstr("\"web\""));
  EXPECT_THAT(ParsedJson({"events", "-n", "1"}), HasSubstr("\"launched\""));
  EXPECT_THAT(ParsedJson({"version"}), HasSubstr("\"date\""));
  EXPECT_THAT(ParsedJson({"doctor"}), HasSubstr("\"guestsCanRun\": true"));
  vm.Write("quit\n");
  EXPECT_EQ(vm.Wait().exit_code, 0);
  EXPECT_THAT(ParsedJson({"disk", "info", Path("layer")}), HasSubstr("\"diskBytes\": \"65536\""));
}

TEST_F(HostJsonTest, ALineForEachVmThatSomethingWasDoneTo) {
  Command first = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "one"});
  StartEcho(first);
  Command second = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "two"});
  StartEcho(second);
  for (const char* const command : {"pause", "resume", "kill"}) {
    SCOPED_TRACE(command);
    const CommandResult result = Host({command, "one", "nobody", "two", "-o", "json"}).Run();
    EXPECT_EQ(result.exit_code, kFailure);
    EXPECT_EQ(result.out, "{\"name\":\"one\"}\n{\"name\":\"two\"}\n");
    EXPECT_THAT(result.err, HasSubstr("\"nobody\""));
  }
  EXPECT_EQ(first.Wait().exit_code, 143);
  EXPECT_EQ(second.Wait().exit_code, 143);
  EXPECT_EQ(Host({"run", "-d", "--name", "kept", "--kernel", GuestPath("echo")}).Run().exit_code,
            0);
  EXPECT_EQ(Host({"rm", "kept", "-o", "json"}).Run().out, "{\"name\":\"kept\"}\n");
}

TEST_F(HostJsonTest, StopSaysHowEachHasEnded) {
  Command stays = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "stays"});
  StartEcho(stays);
  Command goes = Mayfly({"run", "--kernel", GuestPath("power_button"), "--name", "goes"});
  StartEcho(goes);
  const CommandResult stopped =
      Host({"stop", "goes", "stays", "--within", "1s", "-o", "json"}).Run();
  EXPECT_EQ(stopped.exit_code, 0) << stopped.err;
  const size_t second = stopped.out.find('\n') + 1;
  EXPECT_THAT(stopped.out.substr(0, second),
              StartsWith("{\"name\":\"goes\",\"exit\":{\"reason\":\"status\",\"status\":7"));
  EXPECT_THAT(stopped.out.substr(second),
              StartsWith("{\"name\":\"stays\",\"exit\":{\"reason\":\"killed\","));
  EXPECT_THAT(Parsed(stopped.out, Values::kOneInEachLine), HasSubstr("\"stays\""));
  EXPECT_EQ(goes.Wait().exit_code, 7);
  EXPECT_EQ(stays.Wait().exit_code, 143);
}

TEST_F(HostJsonTest, WaitSaysHowItHasEnded) {
  EXPECT_EQ(Host({"run", "-d", "--name", "kept", "--kernel", GuestPath("exit_status"), "--cmdline",
                  "status=7"})
                .Run()
                .exit_code,
            0);
  const std::string end = ParsedJson({"wait", "kept"}, 7);
  EXPECT_THAT(end, AllOf(HasSubstr("\"reason\": \"status\""), HasSubstr("\"status\": 7")));
  EXPECT_THAT(Host({"wait", "kept"}).Run().out, IsEmpty());
  EXPECT_EQ(Host({"rm", "kept"}).Run().exit_code, 0);
}

TEST_F(HostJsonTest, RunSaysWhatItHasLeftToTheService) {
  const CommandResult launched =
      Host({"run", "-d", "-o", "json", "--name", "kept", "--kernel", GuestPath("spin")}).Run();
  EXPECT_EQ(launched.exit_code, 0) << launched.err;
  const std::string said = Parsed(launched.out);
  const std::string id = said.substr(said.find("\"id\": "), std::string("\"id\": \"1\"").size());
  EXPECT_THAT(said, HasSubstr("\"name\": \"kept\""));
  EXPECT_THAT(ParsedJson({"inspect", "kept"}), HasSubstr(id));
  EXPECT_EQ(Host({"rm", "kept"}).Run().exit_code, 0);
  ExpectComplaint({"run", "-o", "json", "--kernel", GuestPath("hello")}, kUsage,
                  {"--output", "--detach"});
}

TEST_F(HostJsonTest, TopSaysALineForEachLook) {
  Command vm = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "web"});
  StartEcho(vm);
  const CommandResult top = Host({"top", "--every", "100ms", "-n", "2", "-o", "json"}).Run();
  EXPECT_EQ(top.exit_code, 0) << top.err;
  EXPECT_EQ(std::ranges::count(top.out, '\n'), 2);
  EXPECT_THAT(Parsed(top.out, Values::kOneInEachLine),
              AllOf(HasSubstr("\"cpuShare\": "), HasSubstr("\"name\": \"web\""),
                    HasSubstr("\"hostCpus\": ")));
  vm.Write("quit\n");
  EXPECT_EQ(vm.Wait().exit_code, 0);
}

TEST_F(HostJsonTest, UpdateSaysTheSizeOfADisk) {
  const std::string disk = MakeSparseFile("disk", 65536);
  Command vm = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "web", "--disk", disk});
  StartEcho(vm);
  std::filesystem::resize_file(disk, 131072);
  EXPECT_EQ(Host({"update", "web", "--disk", "0,iops=9", "--resize", "0", "-o", "json"}).Run().out,
            "{\"disk\":0,\"bytes\":\"131072\"}\n");
  vm.Write("quit\n");
  EXPECT_EQ(vm.Wait().exit_code, 0);
}

}  // namespace
}  // namespace mayfly::testing
