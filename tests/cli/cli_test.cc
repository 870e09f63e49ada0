#include "tests/cli/cli_test.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/owned_fd.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;

// What `mayfly-vmm` may take to die after `mayfly` has: the kernel's teardown, on a busy machine.
constexpr std::chrono::seconds kGrace{30};
constexpr std::chrono::milliseconds kStep{5};
constexpr std::chrono::minutes kPatience{1};
constexpr int kCannotPrepare = 98;

// True once no child of ours, adopted ones included, is left.
bool AllGone() {
  const auto deadline = std::chrono::steady_clock::now() + kGrace;
  while (std::chrono::steady_clock::now() < deadline) {
    const pid_t reaped = ::waitpid(-1, nullptr, WNOHANG);
    if (reaped < 0 && errno == ECHILD) return true;
    if (reaped == 0) std::this_thread::sleep_for(kStep);
  }
  return false;
}

void Must(bool done) {
  if (!done) ::_exit(kCannotPrepare);
}

void WriteTo(const char* path, const std::string& text) {
  const OwnedFd file(::open(path, O_WRONLY | O_CLOEXEC));
  Must(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

// For an ordinary user a user namespace comes first, in which they remain who they are.
void OwnMounts() {
  const auto same = [](auto id) { return std::to_string(id) + " " + std::to_string(id) + " 1"; };
  const std::string user = same(::geteuid());
  const std::string group = same(::getegid());
  if (::unshare(CLONE_NEWNS) != 0) {
    Must(::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
    WriteTo("/proc/self/setgroups", "deny");
    WriteTo("/proc/self/uid_map", user);
    WriteTo("/proc/self/gid_map", group);
  }
  Must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
}

}  // namespace

void CliTest::SetUp() {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  std::string name = ::testing::TempDir() + "mayfly-cli-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  directory_ = name;
  ASSERT_TRUE(fs::create_directory(Path("home")) && fs::create_directory(Path("work")));
}

void CliTest::TearDown() {
  EXPECT_TRUE(AllGone()) << "a process is left";
  EXPECT_TRUE(fs::is_empty(Path("work"))) << "a file is left";
  for (const auto& entry : fs::recursive_directory_iterator(Path("home"))) {
    EXPECT_TRUE(entry.is_directory() || entry.path().filename() == "cpu-profile")
        << entry.path() << " is left";
  }
  fs::remove_all(directory_);
}

Command CliTest::Mayfly(std::vector<std::string> words) const {
  words.insert(words.begin(), fs::current_path() / "mayfly");
  return {std::move(words), {"HOME=" + Path("home")}, Path("work")};
}

Command CliTest::RunGuest(const std::string& guest, std::vector<std::string> words) const {
  words.insert(words.begin(), {"run", "--kernel", GuestPath(guest)});
  return Mayfly(std::move(words));
}

std::string CliTest::GuestPath(const std::string& guest) {
  return fs::current_path() / "tests" / "guests" / guest;
}

std::string CliTest::Path(const std::string& name) const { return directory_ + "/" + name; }

std::string CliTest::MakeFile(const std::string& name, const std::string& content) const {
  std::ofstream(Path(name)) << content;
  return Path(name);
}

std::string CliTest::MakeSparseFile(const std::string& name, uint64_t size) const {
  std::string path = MakeFile(name, "");
  fs::resize_file(path, size);
  return path;
}

bool CliTest::Await(const std::function<bool()>& is_so) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    Pause();
  }
  return true;
}

void CliTest::Pause() { std::this_thread::sleep_for(kStep); }

void ObeyPermissions() {
  if (::geteuid() != 0) return;  // as they do anyway
  for (const int capability : {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH}) {
    Must(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0);
  }
}

void MountSmall(const std::string& directory, const std::string& size) {
  OwnMounts();
  Must(::mount("none", directory.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0);
}

void HideKvm() {
  OwnMounts();
  Must(::mount("none", "/dev", "tmpfs", 0, nullptr) == 0);
}

void ForbidKvm() {
  OwnMounts();
  Must(::mount("none", "/dev", "tmpfs", 0, nullptr) == 0);
  const int kvm = ::open("/dev/kvm", O_CREAT | O_RDWR | O_CLOEXEC, 0);
  Must(kvm >= 0);
  ::close(kvm);
  ObeyPermissions();
}

void LendKvm(const std::string& path) {
  struct stat kvm {};
  OwnMounts();
  Must(::stat("/dev/kvm", &kvm) == 0);
  Must(::mknod(path.c_str(), S_IFCHR, kvm.st_rdev) == 0);
  Must(::chmod(path.c_str(), 0666) == 0);
  Must(::mount(path.c_str(), "/dev/kvm", nullptr, MS_BIND, nullptr) == 0);
}

void ShowRun(const std::string& directory) {
  OwnMounts();
  Must(::mount(directory.c_str(), "/run", nullptr, MS_BIND, nullptr) == 0);
}

void ShowJournal(const std::string& directory) {
  constexpr char kJournal[] = "/run/systemd/journal";
  OwnMounts();
  Must(::mount("none", "/run", "tmpfs", 0, nullptr) == 0);
  Must(fs::create_directories(kJournal));
  Must(::mount(directory.c_str(), kJournal, nullptr, MS_BIND, nullptr) == 0);
}

}  // namespace mayfly::testing
