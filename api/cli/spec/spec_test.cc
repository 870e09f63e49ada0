// Specifications in files say the same as options.

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "api/cli/spec/spec_options.h"
#include "base/pipe.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::HasSubstr;

class SpecTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "spec-XXXXXX";
    const int fd = ::mkstemp(name.data());
    ASSERT_GE(fd, 0);
    ::close(fd);
    path_ = name;
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  absl::StatusOr<RunOptions> Read(const std::string& text) {
    std::ofstream(path_) << text;
    RunOptions options;
    options.command_line = "default";
    if (const absl::Status status = ReadSpec(path_, options); !status.ok()) return status;
    return options;
  }
  std::string ErrorOf(const std::string& text) {
    const auto options = Read(text);
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument) << options.status();
    std::string message(options.status().message());
    EXPECT_TRUE(message.starts_with(path_ + ": ")) << message;
    return message.substr(std::min(message.size(), path_.size() + 2));
  }

  std::string path_;
};

void ExpectAll(const RunOptions& options) {
  EXPECT_EQ(options.kernel, "vmlinux");
  EXPECT_EQ(options.initrd, "initrd.img");
  EXPECT_EQ(options.command_line, "quiet");
  EXPECT_EQ(options.cpus, 2U);
  EXPECT_EQ(options.memory.bytes, uint64_t{256} << 20);
  EXPECT_EQ(options.memory.options.pages, GuestMemory::Pages::kTransparentHuge);
  EXPECT_EQ(options.timeout, Nanoseconds(1'500'000'000));
  EXPECT_EQ(options.boot_protocol, vmm::BootProtocol::kPvh);
  EXPECT_EQ(options.limit.limits.cpus, 0.5);
  EXPECT_EQ(options.limit.limits.memory, uint64_t{300} << 20);
  EXPECT_EQ(options.limit.limits.cpuset->Text(), "0");
  ASSERT_EQ(options.labels.size(), 1U);
  EXPECT_EQ(options.labels[0].name + "=" + options.labels[0].value, "team=blue");
  ASSERT_EQ(options.disks.size(), 2U);
  EXPECT_EQ(options.disks[0].path, "root.img");
  EXPECT_EQ(options.disks[0].access, vmm::DiskAccess::kReadOnly);
  EXPECT_EQ(options.disks[0].engine, vmm::DiskEngine::kSync);
  EXPECT_EQ(options.disks[0].limits.operations.per_second, 500U);
  EXPECT_EQ(options.disks[0].limits.operations.burst, 1000U);
  ASSERT_TRUE(options.disks[1].overlay.has_value());
  EXPECT_EQ(options.disks[1].overlay->path, "layer.ovl");
  EXPECT_EQ(options.disks[1].overlay->cap_bytes, 4096U);
  ASSERT_EQ(options.nets.size(), 2U);
  EXPECT_EQ(options.nets[0].backend, NetOption::Backend::kTap);
  EXPECT_EQ(options.nets[0].tap, "tap0");
  EXPECT_EQ(options.nets[0].mac->ToString(), "02:00:00:00:00:01");
  EXPECT_EQ(options.nets[0].mtu, 1400U);
  ASSERT_EQ(options.nets[0].addresses.size(), 1U);
  EXPECT_EQ(options.nets[0].addresses[0].ToString(), "192.0.2.0/24");
  EXPECT_EQ(options.nets[1].backend, NetOption::Backend::kUser);
  ASSERT_EQ(options.nets[1].forwards.size(), 1U);
  EXPECT_EQ(options.nets[1].forwards[0].host, 8080U);
  EXPECT_EQ(options.nets[1].forwards[0].guest, 80U);
}

TEST_F(SpecTest, Json) {
  ExpectAll(Read(R"({
    "kernel": {"name": "vmlinux"}, "initrd": {"name": "initrd.img"}, "commandLine": "quiet",
    "cpus": 2, "memoryBytes": "256M", "memoryBacking": "transparentHuge", "bootProtocol": "pvh",
    "timeoutNanoseconds": 1500000000,
    "disks": [
      {"image": {"name": "root.img"}, "readOnly": true, "engine": "sync",
       "limits": {"operations": {"perSecond": 500, "burst": "1000"}}},
      {"image": {"name": "base.img"},
       "overlay": {"upper": {"file": {"name": "layer.ovl"}}, "capBytes": "4K"}}
    ],
    "limits": {"cpus": 0.5, "memoryBytes": "300M", "cpuset": "0"},
    "labels": [{"name": "team", "value": "blue"}],
    "nets": [
      {"backend": {"tapNamed": "tap0"}, "mac": "02:00:00:00:00:01", "mtu": 1400,
       "filter": {"addresses": ["192.0.2.0/24"]}},
      {"backend": {"user": {"forwards": [{"protocol": "tcp", "host": 8080, "guest": 80}]}}}
    ]
  })")
                .value());
}

TEST_F(SpecTest, Text) {
  ExpectAll(Read(R"(# a comment
(
    kernel = (name = "vmlinux"), initrd = (name = "initrd.img"), commandLine = "quiet",
    cpus = 2, memoryBytes = 268435456, memoryBacking = transparentHuge, bootProtocol = pvh,
    timeoutNanoseconds = 1500000000,
    disks = [
      (image = (name = "root.img"), readOnly = true, engine = sync,
       limits = (operations = (perSecond = 500, burst = 1000))),
      (image = (name = "base.img"),
       overlay = (upper = (file = (name = "layer.ovl")), capBytes = 4096))
    ],
    limits = (cpus = 0.5, memoryBytes = 314572800, cpuset = "0"),
    labels = [(name = "team", value = "blue")],
    nets = [
      (backend = (tapNamed = "tap0"), mac = 0x"02 00 00 00 00 01", mtu = 1400,
       filter = (addresses = [(address = 0x"c0 00 02 00", prefixLength = 24)])),
      (backend = (user = (forwards = [(protocol = tcp, host = 8080, guest = 80)])))
    ]
  )
)")
                .value());
}

TEST_F(SpecTest, CharactersMayBeGivenByNumber) {
  EXPECT_EQ(Read(R"({"commandLine": "\u00e9\u001e"})").value().command_line, "\u00e9\x1e");
}

TEST_F(SpecTest, WhatIsNotSaidStaysAsItIs) {
  const RunOptions options = Read(R"({"kernel": {"name": "k"}})").value();
  EXPECT_EQ(options.command_line, "default");
  EXPECT_EQ(options.memory.bytes, MemoryOption().bytes);
  EXPECT_EQ(options.cpus, 1U);
}

// `run -f <(program)`: the pipe is opened without waiting, and the program takes its time.
TEST_F(SpecTest, APipeIsReadToItsEnd) {
  Pipe pipe = Pipe::Make().value();
  constexpr std::string_view kBegin = R"({"cpus": )";
  constexpr std::string_view kRest = "3}";
  ASSERT_EQ(::write(pipe.writer.get(), kBegin.data(), kBegin.size()), ssize_t{kBegin.size()});
  std::thread writer([&] {
    int left = 1;
    while (::ioctl(pipe.reader.get(), FIONREAD, &left) == 0 && left != 0) std::this_thread::yield();
    (void)!::write(pipe.writer.get(), kRest.data(), kRest.size());
    pipe.writer.Reset();
  });
  RunOptions options;
  const absl::Status status =
      ReadSpec("/proc/self/fd/" + std::to_string(pipe.reader.get()), options);
  writer.join();
  EXPECT_EQ(status, absl::OkStatus());
  EXPECT_EQ(options.cpus, 3U);
}

TEST_F(SpecTest, NumbersAreExactOrStrings) {
  EXPECT_EQ(Read(R"({"memoryBytes": 9007199254740991})")->memory.bytes, 9007199254740991U);
  EXPECT_EQ(Read(R"({"memoryBytes": "9007199254740993"})")->memory.bytes, 9007199254740993U);
  // A double makes 9007199254740992 of it.
  EXPECT_THAT(ErrorOf(R"({"memoryBytes": 9007199254740993})"), HasSubstr("has to be a string"));
}

TEST_F(SpecTest, EveryBootProtocolIsUnderstood) {
  EXPECT_EQ(Read(R"({"bootProtocol": "auto"})")->boot_protocol, vmm::BootProtocol::kAuto);
  EXPECT_EQ(Read(R"({"bootProtocol": "linux64"})")->boot_protocol, vmm::BootProtocol::kLinux64);
}

TEST_F(SpecTest, ErrorsNameTheField) {
  EXPECT_THAT(ErrorOf(R"({"kernal": {}})"), HasSubstr("kernal: there is no such field; there are"));
  EXPECT_EQ(ErrorOf(R"({"cpus": 70000})"), "cpus: 70000 is more than 65535");
  EXPECT_EQ(ErrorOf(R"({"cpus": 0})"), "cpus: give 1 or more");
  EXPECT_EQ(ErrorOf(R"({"nets": [{"backend": {"tapNamed": "t"}, "queuePairs": 65}]})"),
            "nets[0].queuePairs: give 1 to 64");
  EXPECT_THAT(ErrorOf(R"({"cpus": 1.5})"), HasSubstr("cpus: 1.5 is no whole number"));
  EXPECT_THAT(ErrorOf(R"({"cpus": -1})"), HasSubstr("cpus: -1 is no whole number"));
  EXPECT_THAT(ErrorOf(R"({"cpus": true})"), HasSubstr("cpus: a number is needed"));
  EXPECT_THAT(ErrorOf(R"({"memoryBytes": "much"})"), HasSubstr("memoryBytes: "));
  EXPECT_EQ(ErrorOf(R"({"disks": [{}, {"engine": "fast"}]})"),
            "disks[1].engine: give one of auto, sync, ioUring");
  EXPECT_EQ(ErrorOf(R"({"disks": [{"readOnly": true}]})"),
            "disks[0].image.name: give the file's name");
  EXPECT_EQ(ErrorOf(R"({"disks": {}})"), "disks: a list is needed, in brackets");
  EXPECT_THAT(ErrorOf(R"({"nets": [{"mac": "x"}]})"), HasSubstr("nets[0].mac: "));
  EXPECT_THAT(ErrorOf(R"({"nets": [{"filter": {"addresses": ["300.0.0.1"]}}]})"),
              HasSubstr("nets[0].filter.addresses[0]: "));
  EXPECT_THAT(ErrorOf(R"({"nets": [{"backend": {"none": null, "user": {}}}]})"),
              HasSubstr("nets[0].backend.user: none is given, too"));
  EXPECT_THAT(ErrorOf(R"({"nets": [{"backend": {"tap": []}}]})"),
              HasSubstr("nets[0].backend.tap: it cannot be given in a file"));
  EXPECT_THAT(ErrorOf(R"({"kernel": {"file": "x"}})"), HasSubstr("kernel.file: "));
  EXPECT_THAT(ErrorOf(R"({"cpuProfile": {}})"), HasSubstr("cpuProfile: "));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("an object is needed"));
}

TEST_F(SpecTest, ErrorsOfSyntaxNameTheLine) {
  EXPECT_THAT(ErrorOf("{\n\"cpus\": 2,\n\"kernel\" {}\n}"), HasSubstr("line 3: this is no JSON"));
  EXPECT_THAT(ErrorOf("{\n\"cpus\": 2,\n}"), HasSubstr("line 3: "));
  EXPECT_THAT(ErrorOf("{\n\"cpus\": 2\n"), HasSubstr("line 2: "));
  EXPECT_THAT(ErrorOf("{\n\"cpus\": two\n}"), HasSubstr("line 2: "));
  EXPECT_THAT(ErrorOf(""), HasSubstr("this is no JSON"));
  EXPECT_THAT(ErrorOf("(\n  cpus = 2,\n  wings = 3\n)"), HasSubstr("line 3, columns "));
  EXPECT_THAT(ErrorOf("(\n  cpus = 2\n  memoryBytes = 3\n)"), HasSubstr("line 3, columns "));
  EXPECT_THAT(ErrorOf("(cpus = two)"), HasSubstr("constants not allowed"));
  EXPECT_THAT(ErrorOf(std::string(2000, '[')), HasSubstr("line 1: "));
  EXPECT_THAT(ErrorOf(std::string(2 << 20, ' ')), HasSubstr("more than 1 MiB"));
}

}  // namespace
}  // namespace mayfly::cli
