// What a host service opens for its clients: all that they may themselves, and nothing else.

#include "api/host/named_files.h"

#include <capnp/message.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/codec/rpc_status.h"
#include "api/host/opener.h"
#include "api/testing/passt.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uid_t kAliceId = 54321;
constexpr gid_t kTeam = 54400;
const Peer kRoot = {.uid = 0, .gid = 0};
const Peer kAlice = {.uid = kAliceId, .gid = kAliceId};
const Peer kAliceInTeam = {.uid = kAliceId, .gid = kAliceId, .groups = {kTeam}};

// Whether this process may become other users: in a user namespace with one, it may not.
[[nodiscard]] bool MayChangeUsers() {
  if (::geteuid() != 0 || ::seteuid(kAliceId) != 0) return false;
  return ::seteuid(0) == 0;
}

[[nodiscard]] std::string ProgramBeside(const std::string& name) {
  return fs::current_path() / "api/host" / name;
}

class NamedFilesTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~NamedFilesTest() noexcept override = default;

  void SetUp() override {
    if (!MayChangeUsers()) GTEST_SKIP() << "runs for root, who can become other users";
    std::string name = "/tmp/named-files-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    ASSERT_EQ(::chmod(name.c_str(), 0755), 0);
    Use({.program = *Openers::OpenOurselves(), .patience = 60 * kj::SECONDS});
  }
  void TearDown() override {
    if (directory_.empty()) return;
    if (has_own_mounts_) (void)::umount2(directory_.c_str(), MNT_DETACH);
    fs::remove_all(directory_);
  }

  void Use(Openers::Settings settings) { openers_.emplace(io_, std::move(settings)); }
  [[nodiscard]] static OwnedFd Program(const std::string& path) {
    OwnedFd program(::open(path.c_str(), O_PATH | O_CLOEXEC));
    EXPECT_TRUE(program.valid()) << path;
    return program;
  }
  [[nodiscard]] std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  std::string MakeFile(const std::string& name, mode_t mode, uid_t owner = 0, gid_t group = 0) {
    std::ofstream(Path(name)) << "content";
    EXPECT_EQ(::chown(Path(name).c_str(), owner, group), 0);
    EXPECT_EQ(::chmod(Path(name).c_str(), mode), 0);
    return Path(name);
  }

  rpc::MachineSpec::Builder NewSpec() { return message_.initRoot<rpc::MachineSpec>(); }
  rpc::MachineSpec::Builder KernelSpec(const std::string& path) {
    auto spec = NewSpec();
    spec.initKernel().setName(path.c_str());
    return spec;
  }
  kj::Promise<absl::StatusOr<NamedFiles>> Start(const Peer& peer, rpc::MachineSpec::Reader spec) {
    return NamedFiles::Open(*openers_, peer, spec)
        .then([](NamedFiles files) { return absl::StatusOr<NamedFiles>(std::move(files)); },
              [](kj::Exception&& exception) {
                return absl::StatusOr<NamedFiles>(FromException(exception));
              });
  }
  absl::StatusOr<NamedFiles> Open(const Peer& peer, rpc::MachineSpec::Reader spec) {
    return Start(peer, spec).wait(io_.waitScope);
  }
  absl::Status OpenKernel(const Peer& peer, const std::string& path) {
    return Open(peer, KernelSpec(path)).status();
  }
  absl::Status OpenDisk(const Peer& peer, const std::string& path) {
    auto spec = NewSpec();
    spec.initDisks(1)[0].initImage().setName(path.c_str());
    return Open(peer, spec).status();
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  capnp::MallocMessageBuilder message_;
  std::string directory_;
  bool has_own_mounts_ = false;
  std::optional<Openers> openers_;
};

// The descriptor that `file` carries.
[[nodiscard]] int FdOf(kj::AsyncIoContext& io, rpc::File::Client file) {
  KJ_IF_MAYBE (fd, file.getFd().wait(io.waitScope)) return *fd;
  ADD_FAILURE() << "it carries none";
  return -1;
}

TEST_F(NamedFilesTest, AUserGetsWhatItMayRead) {
  auto spec = KernelSpec(MakeFile("kernel", 0600, kAliceId));
  absl::StatusOr<NamedFiles> files = Open(kAlice, spec);
  ASSERT_TRUE(files.ok()) << files.status();
  files->PutInto(spec);
  EXPECT_FALSE(NamedFiles::AreIn(spec));
  char text[8] = {};
  EXPECT_EQ(::pread(FdOf(io_, spec.getKernel().getFile()), text, sizeof text, 0), 7);
  EXPECT_STREQ(text, "content");
  EXPECT_EQ(OpenKernel(kAlice, MakeFile("everybodys", 0644)), absl::OkStatus());
}

TEST_F(NamedFilesTest, AUserDoesNotGetWhatItMayNotRead) {
  const std::string secret = MakeFile("secret", 0600);
  const absl::Status status = OpenKernel(kAlice, secret);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(status.ToString(),
              AllOf(HasSubstr("kernel: "), HasSubstr(secret), HasSubstr("Permission denied")));
  fs::create_symlink(secret, Path("link"));
  EXPECT_TRUE(absl::IsInvalidArgument(OpenKernel(kAlice, Path("link"))));
  EXPECT_TRUE(absl::IsInvalidArgument(OpenDisk(kAlice, MakeFile("read only", 0644))));
  EXPECT_EQ(OpenKernel(kRoot, secret), absl::OkStatus());
}

TEST_F(NamedFilesTest, AUsersGroupsCount) {
  const std::string teams = MakeFile("teams", 0640, 0, kTeam);
  EXPECT_EQ(OpenKernel(kAliceInTeam, teams), absl::OkStatus());
  EXPECT_TRUE(absl::IsInvalidArgument(OpenKernel(kAlice, teams)));
  // And nobody else's, such as this process's.
  EXPECT_TRUE(absl::IsInvalidArgument(OpenKernel(kAlice, MakeFile("roots", 0640))));
}

TEST_F(NamedFilesTest, WhatIsNoFileIsRefused) {
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0666), 0);
  ASSERT_EQ(::chmod(Path("fifo").c_str(), 0666), 0);
  for (const Peer& peer : {kRoot, kAlice}) {
    for (const std::string& path : {Path("fifo"), directory_, std::string("/dev/null"),
                                    std::string("/proc/self/fd/0"), std::string("/dev/stdin")}) {
      const absl::Status kernel = OpenKernel(peer, path);
      EXPECT_TRUE(absl::IsInvalidArgument(kernel)) << path << ": " << kernel;
      EXPECT_THAT(kernel.ToString(), AllOf(HasSubstr("kernel"), HasSubstr(path)));
      const absl::Status disk = OpenDisk(peer, path);
      EXPECT_TRUE(absl::IsInvalidArgument(disk)) << path << ": " << disk;
      EXPECT_THAT(disk.ToString(), HasSubstr("disks[0].image"));
    }
  }
  EXPECT_THAT(OpenKernel(kAlice, "vmlinux").ToString(), HasSubstr("kernel.name: "));
}

// A file behind a link of /proc is somebody's, but it is not named by a path.
TEST_F(NamedFilesTest, LinksToWhatAProcessHasOpenAreRefused) {
  const OwnedFd open(::open(MakeFile("kernel", 0644).c_str(), O_RDONLY));
  const std::string path =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(open.get());
  const absl::Status status = OpenKernel(kRoot, path);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("name the file itself"));
}

TEST_F(NamedFilesTest, AnOverlayIsMadeForItsUser) {
  ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
  auto spec = NewSpec();
  auto disk = spec.initDisks(1)[0];
  disk.initImage().setName(MakeFile("base", 0444).c_str());
  disk.initOverlay().initUpper().initFile().setName(Path("upper").c_str());
  EXPECT_EQ(Open(kAlice, spec).status(), absl::OkStatus());
  struct stat made {};
  ASSERT_EQ(::stat(Path("upper").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, kAliceId);
  EXPECT_EQ(made.st_gid, kAliceId);
  EXPECT_EQ(made.st_mode & 07777, 0600U);
}

TEST_F(NamedFilesTest, WhatStallsIsGivenUpAndHoldsUpNobody) {
  Use({.program = Program(ProgramBeside("stalling_opener")), .patience = 50 * kj::MILLISECONDS});
  const absl::Status status = OpenKernel(kAlice, "/some/kernel");
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("kernel: "));
  // Also those that wait for their turn.
  Use({.program = Program(ProgramBeside("stalling_opener")),
       .patience = 50 * kj::MILLISECONDS,
       .most_each_user = 1});
  auto spec = KernelSpec("/some/kernel");
  auto first = Start(kAlice, spec);
  auto second = Start(kAlice, spec);
  EXPECT_TRUE(absl::IsDeadlineExceeded(first.wait(io_.waitScope).status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(second.wait(io_.waitScope).status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(OpenKernel(kAlice, "/some/kernel")));
}

TEST_F(NamedFilesTest, OneThatIsEndedIsAnError) {
  Use({.program = Program("/bin/true"), .patience = 60 * kj::SECONDS});
  const absl::Status status = OpenKernel(kAlice, "/some/kernel");
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(NamedFilesTest, ManyTakeTurns) {
  auto spec = KernelSpec(MakeFile("kernel", 0644));
  std::vector<kj::Promise<absl::StatusOr<NamedFiles>>> all;
  for (int count = 0; count < 50; ++count) all.push_back(Start(kAlice, spec));
  for (auto& opened : all) EXPECT_EQ(opened.wait(io_.waitScope).status(), absl::OkStatus());
}

TEST_F(NamedFilesTest, NotAnyNumberWaitsForItsTurn) {
  Use({.program = Program("api/host/stalling_opener"),
       .patience = 200 * kj::MILLISECONDS,
       .most_each_user = 1,
       .most_waiting_each_user = 2});
  auto spec = KernelSpec(MakeFile("kernel", 0644));
  std::vector<kj::Promise<absl::StatusOr<NamedFiles>>> all;
  for (int count = 0; count < 4; ++count) all.push_back(Start(kAlice, spec));
  for (size_t position = 0; position < all.size(); ++position) {
    const absl::Status status = all[position].wait(io_.waitScope).status();
    EXPECT_EQ(absl::IsResourceExhausted(status), position == 3) << position << ": " << status;
  }
  // Those have given up, and wait no more.
  EXPECT_TRUE(absl::IsDeadlineExceeded(Open(kAlice, spec).status()));
}

TEST_F(NamedFilesTest, WhoIsNotRootBecomesNobodyElse) {
  ASSERT_EQ(::seteuid(kAliceId + 1), 0);
  const absl::Status status = OpenKernel(kAlice, "/some/kernel");
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("kernel: "), HasSubstr("send open ones")));
}

TEST_F(NamedFilesTest, AUsersNetworkIsMadeByThatUser) {
  if (!testing::HasPasst()) GTEST_SKIP() << testing::kNeedsPasst;
  auto spec = NewSpec();
  auto net = spec.initNets(1)[0];
  net.getBackend().initUser();
  absl::StatusOr<NamedFiles> files = Open(kAlice, spec);
  ASSERT_TRUE(files.ok()) << files.status();
  files->PutInto(spec);
  ASSERT_TRUE(net.getBackend().isPasst());
  EXPECT_EQ(files->TakeWords().size(), 1U);
  ucred maker{};
  socklen_t size = sizeof maker;
  ASSERT_EQ(
      ::getsockopt(FdOf(io_, net.getBackend().getPasst()), SOL_SOCKET, SO_PEERCRED, &maker, &size),
      0);
  EXPECT_EQ(maker.uid, kAliceId);

  auto forwards = net.getBackend().initUser().initForwards(1);
  forwards[0].setProtocol(rpc::IpProtocol::ICMP);
  EXPECT_THAT(Open(kAlice, spec).status().ToString(),
              AllOf(HasSubstr("INVALID_ARGUMENT: nets[0]"), HasSubstr("forwards[0].protocol")));
  auto many = NewSpec().initNets(5);
  for (auto each : many) each.getBackend().initUser();
  EXPECT_TRUE(
      absl::IsResourceExhausted(Open(kAlice, message_.getRoot<rpc::MachineSpec>()).status()));
}

// Leaves the host's interfaces for those of its own, where everybody may open /dev/net/tun, for
// good: it is for the last test.
[[nodiscard]] bool HasTapsForAll(const std::string& directory) {
  constexpr unsigned kMajor = 10;
  constexpr unsigned kMinor = 200;
  const std::string node = directory + "/tun";
  return ::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", directory.c_str(), "tmpfs", 0, "mode=0755") == 0 &&
         ::mknod(node.c_str(), S_IFCHR, makedev(kMajor, kMinor)) == 0 &&
         ::chmod(node.c_str(), 0666) == 0 &&
         ::mount(node.c_str(), "/dev/net/tun", nullptr, MS_BIND, nullptr) == 0;
}

// A tap interface of `owner`'s, whose name it answers.
[[nodiscard]] std::string MakeTap(uid_t owner) {
  const OwnedFd tap(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  EXPECT_EQ(::ioctl(tap.get(), TUNSETIFF, &request), 0);
  EXPECT_EQ(::ioctl(tap.get(), TUNSETOWNER, static_cast<unsigned long>(owner)), 0);
  EXPECT_EQ(::ioctl(tap.get(), TUNSETPERSIST, 1UL), 0);
  return request.ifr_name;
}

TEST_F(NamedFilesTest, ATapIsForItsOwner) {
  has_own_mounts_ = HasTapsForAll(directory_);
  if (!has_own_mounts_) GTEST_SKIP() << "runs where a network and taps can be made";
  const std::string alices = MakeTap(kAliceId);
  const std::string bobs = MakeTap(kAliceId + 1);
  auto spec = NewSpec();
  auto net = spec.initNets(1)[0];
  net.getBackend().setTapNamed(bobs.c_str());
  const absl::Status status = Open(kAlice, spec).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("nets[0]"), HasSubstr(bobs)));
  net.getBackend().setTapNamed("mayfly0");
  EXPECT_TRUE(absl::IsPermissionDenied(Open(kAlice, spec).status())) << "it may not make one";
  net.getBackend().setTapNamed(alices.c_str());
  absl::StatusOr<NamedFiles> files = Open(kAlice, spec);
  ASSERT_TRUE(files.ok()) << files.status();
  files->PutInto(spec);
  ASSERT_TRUE(net.getBackend().isTap());
  ifreq request{};
  EXPECT_EQ(::ioctl(FdOf(io_, net.getBackend().getTap()[0]), TUNGETIFF, &request), 0);
  EXPECT_EQ(request.ifr_name, alices);
  net.getBackend().setTapNamed("");
  EXPECT_TRUE(absl::IsInvalidArgument(Open(kAlice, spec).status()));
}

}  // namespace
}  // namespace mayfly::api

// Openers run the program that started them.
int main(int argc, char** argv) {
  if (mayfly::api::IsOpener({argv, static_cast<size_t>(argc)})) return mayfly::api::RunOpener();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
