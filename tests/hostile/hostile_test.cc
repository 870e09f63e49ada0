#include "tests/hostile/hostile_test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <thread>
#include <utility>

#include "base/file_io.h"
#include "base/status.h"
#include "gmock/gmock.h"
#include "jailer/brk_heap.h"
#include "jailer/seccomp.h"
#include "jailer/violation.h"
#include "virtio/core/device_event.h"
#include "virtio/core/mmio_transport.h"

namespace mayfly::hostile {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kGuest = "tests/hostile/guest/attacker";
// The disks, as guest/disk.h has them: so many sectors are filled.
constexpr size_t kDisks = 2;
constexpr uint64_t kSectors = 2048;
constexpr size_t kSectorBytes = 512;
constexpr size_t kWordsPerSector = kSectorBytes / sizeof(uint64_t);
constexpr uint64_t kWrittenSector = 7;
constexpr uint64_t kWrittenWord = 0xb5b5'b5b5'0000'0007;
constexpr unsigned kNumberShift = 32;

// Longer than any attack takes, so that a hang is a failure.
constexpr std::chrono::seconds kPatience{60};
// How long the process is watched at rest, after so long to come to it. A guest at rest costs
// nothing; the bound is for busy hosts.
constexpr std::chrono::milliseconds kSettling{50};
constexpr std::chrono::milliseconds kWatch{250};
constexpr double kMostAtRest = 0.5;

std::vector<uint64_t> Pattern(uint64_t disk) {
  std::vector<uint64_t> words(kSectors * kWordsPerSector);
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = i / kWordsPerSector | disk << kNumberShift;
  }
  return words;
}

std::vector<uint64_t> Written(uint64_t disk) {
  std::vector<uint64_t> words = Pattern(disk);
  std::fill_n(words.begin() + static_cast<ptrdiff_t>(kWrittenSector * kWordsPerSector),
              kWordsPerSector, kWrittenWord);
  return words;
}

// Which says what it is, as the others do.
void PutSector(const OwnedFd& fd, uint64_t disk, uint64_t sector) {
  const std::vector<uint64_t> words(kWordsPerSector, sector | disk << kNumberShift);
  EXPECT_TRUE(WriteFully(fd.get(), sector * kSectorBytes, std::as_bytes(std::span(words))).ok());
}

OwnedFd MakeDisk(uint64_t disk, uint64_t sectors) {
  OwnedFd fd(::memfd_create("disk", MFD_CLOEXEC));
  const std::vector<uint64_t> words = Pattern(disk);
  EXPECT_TRUE(WriteFully(fd.get(), 0, std::as_bytes(std::span(words))).ok());
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(sectors * kSectorBytes)), 0);
  PutSector(fd, disk, sectors - 1);
  return fd;
}

// A descriptor of its own for the same file, as the VMM gets it.
OwnedFd Share(const OwnedFd& fd) { return OwnedFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)); }

std::chrono::nanoseconds CpuTime() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

OwnedFd OpenKvm() { return OwnedFd(::open("/dev/kvm", O_RDWR | O_CLOEXEC)); }

// Guest memory lies below 3 GiB, and what is more above 4 GiB: a mapping each.
std::vector<uint64_t> RegionSizes(uint64_t memory) {
  constexpr uint64_t kHole = uint64_t{3} << 30;
  if (memory <= kHole) return {memory};
  return {kHole, memory - kHole};
}

// Asked for once: it takes longer than a guest lives.
const vmm::CpuProfile& Profile() {
  static const vmm::CpuProfile profile = *vmm::CpuProfile::Probe(OpenKvm().get());
  return profile;
}

void PutBehind(vmm::DiskConfig& disk, const HostileCase& attack) {
  disk.access = attack.access;
  switch (attack.storage) {
    case Storage::kFile:
      break;
    case Storage::kFileSync:
      disk.engine = vmm::DiskEngine::kSync;
      break;
    case Storage::kOverlay:
      disk.overlay.emplace();
      break;
  }
}

// As in mayfly-vmm, but for the thread that starts the VM, which has other tests before it. What a
// policy does not have ends the test.
absl::Status Confine(vmm::ThreadRole role) {
  switch (role) {
    case vmm::ThreadRole::kVcpu:
      return jailer::InstallFilter(jailer::ThreadKind::kVcpu);
    case vmm::ThreadRole::kIo:
      return jailer::InstallFilter(jailer::ThreadKind::kIo);
    case vmm::ThreadRole::kControl:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace

void HostileTest::SetUpTestSuite() {
  jailer::KeepHeapOnBrk();
  ASSERT_TRUE(jailer::ReportViolations().ok());
}

void HostileTest::SetUp() {
  if (OpenKvm().valid()) return;
  GTEST_SKIP() << "needs /dev/kvm, which this user cannot open here: " << std::strerror(errno);
}

void HostileTest::TearDown() { machine_.reset(); }

void HostileTest::Launch(const HostileCase& attack, std::string command_line) {
  vmm::MachineConfig config;
  config.kvm = OpenKvm();
  config.cpus = attack.cpus;
  config.memory_bytes = attack.memory;
  config.memory.backing = GuestMemory::Backing::kMemfd;  // a name in /proc/self/maps
  config.kernel = {.fd = OwnedFd(::open(kGuest, O_RDONLY | O_CLOEXEC)), .name = kGuest};
  config.command_line = std::move(command_line);
  config.cpu_profile = Profile();
  config.thread_setup = Confine;
  config.on_event = [this](virtio::DeviceEvent /*kind*/, std::string event) {
    const std::scoped_lock lock(mutex_);
    events_.push_back(std::move(event));
  };
  for (size_t disk = 0; disk < kDisks; ++disk) {
    disks_.push_back(MakeDisk(disk, disk == 0 ? attack.sectors : kSectors));
    vmm::DiskConfig disk_config;
    disk_config.image = {.fd = Share(disks_.back()), .name = disk == 0 ? "attacked" : "bystander"};
    if (disk == 0) PutBehind(disk_config, attack);
    config.disks.push_back(std::move(disk_config));
  }
  Equip(config);
  canaries_.emplace(RegionSizes(attack.memory));  // last: guest memory is what is mapped next
  auto machine = vmm::Machine::Create(std::move(config), std::make_shared<Timeline>(), [this] {
    const std::scoped_lock lock(mutex_);
    has_ended_ = true;
    ended_.notify_all();
  });
  ASSERT_TRUE(machine.ok()) << machine.status();
  machine_ = *std::move(machine);
}

void HostileTest::ReadOutput() {
  machine_->console().output_ready().Drain();
  std::array<std::byte, 4096> piece{};
  for (size_t bytes = piece.size(); bytes == piece.size();) {
    bytes = machine_->console().ReadOutput(piece).bytes;
    output_.append(reinterpret_cast<const char*>(piece.data()), bytes);
  }
}

void HostileTest::AwaitOutput(std::string_view text) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (ReadOutput(); output_.find(text) == std::string::npos; ReadOutput()) {
    const bool late = std::chrono::steady_clock::now() > deadline;
    ASSERT_FALSE(late || machine_->exit_status().has_value())
        << "the guest " << (late ? "hangs" : "has ended") << "; it said:\n"
        << output_;
    pollfd ready{.fd = machine_->console().output_ready().fd(), .events = POLLIN, .revents = 0};
    constexpr int kLookAgain = 100;  // milliseconds: its end makes no output
    ::poll(&ready, 1, kLookAgain);
  }
}

bool HostileTest::HasSaid(std::string_view text) {
  ReadOutput();
  return output_.find(text) != std::string::npos || machine_->exit_status().has_value();
}

void HostileTest::LetTheGuestGoOn() {
  const std::string_view line = "go on\n";
  EXPECT_EQ(machine_->console().WriteInput(std::as_bytes(std::span(line))), line.size());
}

double HostileTest::Load() {
  std::this_thread::sleep_for(kSettling);
  const auto begin = std::chrono::steady_clock::now();
  const std::chrono::nanoseconds cpu = CpuTime();
  std::this_thread::sleep_for(kWatch);
  const std::chrono::duration<double> watched = std::chrono::steady_clock::now() - begin;
  return std::chrono::duration<double>(CpuTime() - cpu) / watched;
}

void HostileTest::Attack(const HostileCase& attack) {
  ASSERT_NO_FATAL_FAILURE(Launch(attack, "attack=" + attack.name));
  EXPECT_TRUE(canaries_->Surround("guest-memory")) << "guest memory went elsewhere";
  ASSERT_EQ(machine_->Start(), absl::OkStatus());
  ASSERT_NO_FATAL_FAILURE(Meddle());
  ASSERT_NO_FATAL_FAILURE(AwaitOutput("quiet\n"));
  const double load = Load();
  EXPECT_LT(load, kMostAtRest) << "of a CPU, while the guest rests";
  BeforeTheEnd();
  LetTheGuestGoOn();
  ExpectGoodEnd();
  machine_.reset();
  EXPECT_TRUE(canaries_->Unharmed()) << "memory beside the guest's was written";
  ExpectEvents(attack);
  ExpectDisks(attack);
  Tell(attack, load);
}

void HostileTest::ExpectGoodEnd() {
  {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(ended_.wait_for(lock, kPatience, [this] { return has_ended_; }));
  }
  ReadOutput();
  const auto status = machine_->exit_status();
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->reason, vmm::ExitReason::kStatus) << status->detail;
  EXPECT_EQ(status->status, 0) << output_;
}

void HostileTest::ExpectEvents(const HostileCase& attack) {
  const std::scoped_lock lock(mutex_);
  EXPECT_LE(events_.size(), virtio::MmioTransport::kMaxEvents);
  for (const std::string& event : events_) EXPECT_THAT(event, StartsWith(AttackedDevice()));
  if (!attack.event) return;
  if (attack.event->empty()) {
    EXPECT_THAT(events_, IsEmpty());
  } else {
    EXPECT_THAT(events_, Contains(HasSubstr(*attack.event)));
  }
}

void HostileTest::ExpectDisks(const HostileCase& attack) {
  for (size_t disk = 0; disk < kDisks; ++disk) {
    const bool written = disk != 0 || (attack.writes && attack.storage != Storage::kOverlay);
    const std::vector<uint64_t> expected = written ? Written(disk) : Pattern(disk);
    std::vector<uint64_t> found(expected.size());
    ASSERT_TRUE(ReadFully(disks_[disk].get(), 0, std::as_writable_bytes(std::span(found))).ok());
    EXPECT_TRUE(found == expected) << "disk " << disk << " does not hold what it should";
  }
}

void HostileTest::Tell(const HostileCase& attack, double load) const {
  constexpr std::string_view kOutcome = "outcome: ";
  const size_t begin = output_.find(kOutcome) + kOutcome.size();
  const std::string outcome = output_.substr(begin, output_.find('\n', begin) - begin);
  std::string event = events_.empty() ? "" : events_.front();
  if (const size_t at = event.find("must reset the device: "); at != std::string::npos) {
    event.erase(0, event.find(": ", at) + 2);
  }
  if (events_.size() > 1) event += " (and " + std::to_string(events_.size() - 1) + " more)";
  RecordProperty("outcome", outcome);
  const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string suite = test->test_suite_name();
  std::cout << "hostile | " << suite.substr(0, suite.find('/')) << " | " << attack.name << " | "
            << (HasFailure() ? std::string("FAILED") : outcome) << " | " << event << " | "
            << std::fixed << std::setprecision(1) << load * 100 << " %\n";
}

std::vector<std::string> HostileTest::ListedAttacks(std::string_view theme) {
  Launch({.name = "list"}, "attack=");
  EXPECT_EQ(machine_->Start(), absl::OkStatus());
  ExpectGoodEnd();
  std::vector<std::string> names;
  std::istringstream lines(output_);
  for (std::string word, name; lines >> word >> name;) {
    if (word == theme) names.push_back(name);
  }
  return names;
}

void HostileTest::ExpectAllListed(std::string_view theme, std::span<const HostileCase> cases) {
  std::vector<std::string> tested;
  for (const HostileCase& attack : cases) tested.push_back(attack.name);
  EXPECT_THAT(tested, ::testing::UnorderedElementsAreArray(ListedAttacks(theme)));
}

void PutLastSector(const OwnedFd& disk, uint64_t sectors) { PutSector(disk, 0, sectors - 1); }

std::vector<HostileCase> On(Storage storage, std::vector<HostileCase> cases) {
  for (HostileCase& attack : cases) attack.storage = storage;
  return cases;
}

std::string CaseName(const ::testing::TestParamInfo<HostileCase>& info) { return info.param.name; }

}  // namespace mayfly::hostile
