#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/owned_fd.h"
#include "gtest/gtest.h"
#include "tests/hostile/canaries.h"
#include "vmm/machine.h"

namespace mayfly::hostile {

// What is behind the attacked disk.
enum class Storage {
  kFile,      // as the host likes it best
  kFileSync,  // by the synchronous engine
  kOverlay,   // a file that is only read, and a layer in memory
};

// One attack of tests/hostile/guest and what the host is to see of it.
struct HostileCase {
  std::string name;
  // What an event says; empty: there is none; nothing: there may be any, or none, as chance will
  // have it.
  std::optional<std::string> event = "";
  unsigned cpus = 1;
  uint64_t memory = uint64_t{64} << 20;  // bytes
  vmm::DiskAccess access = vmm::DiskAccess::kReadWrite;
  uint64_t sectors = 2048;  // of the attacked disk
  Storage storage = Storage::kFile;
  // The attack writes where a well-meaning driver of Disk (guest/disk.h) would.
  bool writes = false;

  friend void PrintTo(const HostileCase& value, std::ostream* stream) { *stream << value.name; }
};

// Runs the guest of tests/hostile/guest in a Machine of this process, on this host's KVM, with a
// disk to attack and one that must not notice; and sees, after each attack, that
// - the VMM lives, and the guest ends with its own verdict that all is well,
// - the host was told what the guest did, a bounded number of times,
// - no byte was changed that lies beside guest memory, nor on a disk where none should be,
// - the process comes to rest while the guest does.
// Each leaves a line of the form "hostile | theme | name | outcome | event | CPU".
class HostileTest : public ::testing::TestWithParam<HostileCase> {
 protected:
  static void SetUpTestSuite();
  void SetUp() override;
  void TearDown() override;

  // More devices for the machine, behind the disks; or something else about these.
  virtual void Equip(vmm::MachineConfig& /*config*/) {}
  // What the host does while the guest attacks.
  virtual void Meddle() {}
  // What events about the attacked device begin with.
  [[nodiscard]] virtual std::string AttackedDevice() const { return "disk 0 (attacked): "; }

  // All of the above for the case.
  void Attack(const HostileCase& attack);
  // What it does when the guest has rested, before the devices are tried for the last time.
  virtual void BeforeTheEnd() {}
  // For these.
  [[nodiscard]] vmm::Machine& machine() { return *machine_; }
  [[nodiscard]] const OwnedFd& attacked_disk() const { return disks_.front(); }
  // Whether the guest has printed it, or cannot any more.
  [[nodiscard]] bool HasSaid(std::string_view text);
  void AwaitOutput(std::string_view text);
  void LetTheGuestGoOn();

  // What the guest lists as its attacks of `theme`, in its order.
  [[nodiscard]] std::vector<std::string> ListedAttacks(std::string_view theme);
  // That the guest's attacks of `theme` are these cases: none without a test.
  void ExpectAllListed(std::string_view theme, std::span<const HostileCase> cases);

 private:
  void Launch(const HostileCase& attack, std::string command_line);
  void ReadOutput();
  // CPU time over time that went by, while the guest rests.
  [[nodiscard]] static double Load();
  void ExpectGoodEnd();
  void ExpectEvents(const HostileCase& attack);
  void ExpectDisks(const HostileCase& attack);
  void Tell(const HostileCase& attack, double load) const;

  std::vector<OwnedFd> disks_;
  std::optional<Canaries> canaries_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool has_ended_ = false;  // these are guarded by mutex_
  std::vector<std::string> events_;
  std::string output_;
  std::unique_ptr<vmm::Machine> machine_;
};

// Writes the last of the `sectors` of the attacked disk as the guest expects it to be.
void PutLastSector(const OwnedFd& disk, uint64_t sectors);

// The cases, with something else behind the attacked disk.
[[nodiscard]] std::vector<HostileCase> On(Storage storage, std::vector<HostileCase> cases);

// The name of a case as that of a test.
[[nodiscard]] std::string CaseName(const ::testing::TestParamInfo<HostileCase>& info);

}  // namespace mayfly::hostile
