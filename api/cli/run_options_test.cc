#include "api/cli/run_options.h"

#include <initializer_list>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

absl::StatusOr<RunOptions> Parse(std::initializer_list<const char*> words) {
  std::vector<std::string> copies(words.begin(), words.end());
  std::vector<char*> arguments;
  arguments.reserve(copies.size());
  for (std::string& copy : copies) arguments.push_back(copy.data());
  return ParseRunOptions(arguments, [](const std::string& path, RunOptions& options) {
    options.kernel = path + "'s kernel";
    options.cpus = 7;
    options.disks.emplace_back().path = "first";
    options.labels = {{"team", "blue"}, {"job", "1"}};
    return absl::OkStatus();
  });
}

std::string ErrorOf(std::initializer_list<const char*> words) {
  const auto options = Parse(words);
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(options.status().message());
}

TEST(RunOptions, DefaultsAreThoseOfTheHelp) {
  const RunOptions options = Parse({"--kernel", "vmlinux"}).value();
  EXPECT_EQ(options.kernel, "vmlinux");
  EXPECT_EQ(options.initrd, std::nullopt);
  EXPECT_EQ(options.command_line, "console=ttyS0 reboot=k panic=-1 quiet");
  EXPECT_EQ(options.cpus, 1U);
  EXPECT_EQ(options.memory.bytes, uint64_t{128} << 20);
  EXPECT_EQ(options.timeout, Nanoseconds::zero());
  EXPECT_EQ(options.boot_protocol, vmm::BootProtocol::kAuto);
  EXPECT_EQ(options.timeline, TimelineReport::kNone);
  EXPECT_TRUE(options.disks.empty());
  EXPECT_TRUE(options.limit.empty());
}

TEST(RunOptions, SpecificationComesFirst) {
  const RunOptions options = Parse({"--cpus", "2", "--disk", "second", "-f", "vm.json"}).value();
  EXPECT_EQ(options.kernel, "vm.json's kernel");
  EXPECT_EQ(options.cpus, 2U);
  ASSERT_EQ(options.disks.size(), 2U);
  EXPECT_EQ(options.disks[0].path, "first");
  EXPECT_EQ(options.disks[1].path, "second");
  EXPECT_FALSE(options.needs_host);
  EXPECT_THAT(ErrorOf({"-f", "a", "--file", "b"}), HasSubstr("one specification only"));
}

TEST(RunOptions, LabelsReplaceThoseOfTheSameName) {
  const RunOptions options =
      Parse({"-f", "vm.json", "--label", "team=red", "--label", "team=green"}).value();
  ASSERT_EQ(options.labels.size(), 2U);
  EXPECT_EQ(options.labels[0].name + "=" + options.labels[0].value, "job=1");
  EXPECT_EQ(options.labels[1].name + "=" + options.labels[1].value, "team=green");
}

TEST(RunOptions, WhatAHostServiceAloneCanDoNeedsOne) {
  EXPECT_FALSE(Parse({"--kernel", "k"})->needs_host);
  EXPECT_TRUE(Parse({"--kernel", "k", "--label", "team=red"})->needs_host);
  EXPECT_TRUE(Parse({"--kernel", "k", "--name", "web"})->needs_host);
  EXPECT_TRUE(Parse({"--kernel", "k", "--detach"})->needs_host);
}

TEST(RunOptions, JsonIsForWhatLeavesStandardOutputFree) {
  EXPECT_EQ(Parse({"--kernel", "k", "-d"})->output, Format::kText);
  EXPECT_EQ(Parse({"--kernel", "k", "-d", "-o", "json"})->output, Format::kJson);
  EXPECT_EQ(Parse({"--kernel", "k", "-o", "text"})->output, Format::kText);
  EXPECT_THAT(ErrorOf({"--kernel", "k", "-o", "json"}),
              AllOf(HasSubstr("--output: "), HasSubstr("--detach")));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "-d", "-o", "xml"}), HasSubstr("\"xml\""));
}

TEST(RunOptions, UnderstandsAll) {
  const RunOptions options = Parse({"--kernel=k",
                                    "--initrd",
                                    "i",
                                    "--cmdline",
                                    "console=hvc0",
                                    "--disk",
                                    "a.img",
                                    "--disk=b,c.img,ro",
                                    "--disk",
                                    "d,rw",
                                    "--cpus",
                                    "4",
                                    "--memory",
                                    "1G",
                                    "--timeout",
                                    "500ms",
                                    "--boot",
                                    "linux64",
                                    "--timeline",
                                    "--limit",
                                    "cpu=2",
                                    "--limit=pids=9",
                                    "--cgroup-parent",
                                    "/fleet"})
                                 .value();
  EXPECT_EQ(options.kernel, "k");
  EXPECT_EQ(options.initrd, "i");
  EXPECT_EQ(options.command_line, "console=hvc0");
  ASSERT_EQ(options.disks.size(), 3U);
  EXPECT_EQ(options.disks[0].path, "a.img");
  EXPECT_EQ(options.disks[0].access, vmm::DiskAccess::kReadWrite);
  EXPECT_EQ(options.disks[1].path, "b,c.img");
  EXPECT_EQ(options.disks[1].access, vmm::DiskAccess::kReadOnly);
  EXPECT_EQ(options.disks[2].path, "d");
  EXPECT_EQ(options.disks[2].access, vmm::DiskAccess::kReadWrite);
  EXPECT_EQ(options.cpus, 4U);
  EXPECT_EQ(options.memory.bytes, uint64_t{1} << 30);
  EXPECT_EQ(options.timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(options.boot_protocol, vmm::BootProtocol::kLinux64);
  EXPECT_EQ(options.timeline, TimelineReport::kTable);
  EXPECT_EQ(options.limit.limits.cpus, 2);
  EXPECT_EQ(options.limit.limits.pids, 9U);
  EXPECT_EQ(options.cgroup_parent, "/fleet");
}

TEST(RunOptions, TimelineCanBeDrawn) {
  const RunOptions options = Parse({"--kernel", "k", "--timeline=t.svg"}).value();
  EXPECT_EQ(options.timeline, TimelineReport::kDrawing);
  EXPECT_EQ(options.timeline_path, "t.svg");
}

TEST(RunOptions, WordsBehindTheDashesGoToInit) {
  EXPECT_EQ(Parse({"--kernel", "k", "--cmdline", "a b", "--", "--kernel", "x"})->command_line,
            "a b -- --kernel x");
  EXPECT_EQ(Parse({"--kernel", "k", "--cmdline", "a", "--"})->command_line, "a");
  EXPECT_EQ(Parse({"--kernel", "k", "--cmdline", "a", "--", "sh", "-c", "exit 7"})->command_line,
            "a -- sh -c \"exit 7\"");
}

TEST(RunOptions, DashesAsAValueSeparateNothing) {
  EXPECT_EQ(Parse({"--kernel", "k", "--cmdline", "--"})->command_line, "--");
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--cmdline", "--", "x"}), HasSubstr("\"x\" is no option"));
}

TEST(RunOptions, HelpNeedsNoKernel) {
  EXPECT_TRUE(Parse({"--help"})->help);
  EXPECT_TRUE(Parse({"-h"})->help);
}

TEST(RunOptions, ErrorsNameTheOption) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("--kernel"));
  EXPECT_THAT(ErrorOf({"--kernel"}), HasSubstr("--kernel: a value is missing"));
  EXPECT_THAT(ErrorOf({"--kernel", ""}), HasSubstr("--kernel"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--frobnicate"}), HasSubstr("\"--frobnicate\""));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "-x"}), HasSubstr("\"-x\""));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "stray"}), HasSubstr("\"stray\" is no option"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--cpus", "0"}), HasSubstr("--cpus"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--cpus", "-1"}), HasSubstr("--cpus"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--cpus", "70000"}), HasSubstr("--cpus"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--cpus", "two"}), HasSubstr("--cpus"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--memory", "lots"}), HasSubstr("--memory"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--timeout", "soon"}), HasSubstr("--timeout"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--timeout", "0"}), HasSubstr("--timeout"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--boot", "efi"}), HasSubstr("--boot"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--limit", "cpu=0"}), HasSubstr("--limit: cpu"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--cgroup-parent="}), HasSubstr("--cgroup-parent"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--disk", ""}), HasSubstr("--disk"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--disk", ",ro"}), HasSubstr("--disk"));
  EXPECT_THAT(ErrorOf({"--kernel", "k", "--timeline="}), HasSubstr("--timeline"));
}

}  // namespace
}  // namespace mayfly::cli
