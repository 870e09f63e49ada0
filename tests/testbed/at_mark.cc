// at_mark MARK ACTION KERNEL INITRD CMDLINE [DISK...]: boots a Linux guest, and when it has printed
// MARK does to it what no command line asks of a VM:
//
//   resize=SIZE     makes the first disk SIZE bytes long, and tells the VM
//   pause=SECONDS   pauses it for as long
//   power-button    presses that
//
// Its exit status is the guest's, or 125. Disks are opened for reading where they are not writable.

#include <fcntl.h>
#include <kj/async-io.h>
#include <kj/timer.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "api/client/machine_client.h"
#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"

namespace mayfly {
namespace {

constexpr int kFailed = 125;
constexpr uint64_t kMemory = uint64_t{256} << 20;
enum Word { kMark = 1, kAction, kKernel, kInitrd, kCommandLine, kDisks };

[[noreturn]] void Fail(std::string_view what) {
  std::fprintf(stderr, "at_mark: %.*s\n", static_cast<int>(what.size()), what.data());
  ::_exit(kFailed);
}

void Expect(const absl::Status& status) {
  if (!status.ok()) Fail(status.ToString());
}

// Copies the console to standard output, and says when it has seen the mark.
class Watcher final : public rpc::ByteStream::Server {
 public:
  Watcher(std::string mark, kj::Own<kj::PromiseFulfiller<void>> seen)
      : mark_(std::move(mark)), seen_(kj::mv(seen)) {}

 protected:
  kj::Promise<void> write(WriteContext context) override {
    const auto bytes = context.getParams().getBytes();
    if (::write(STDOUT_FILENO, bytes.begin(), bytes.size()) < 0) Fail("nobody reads the console");
    text_.append(bytes.asChars().begin(), bytes.size());
    if (text_.find(mark_) != std::string::npos) seen_->fulfill();
    return kj::READY_NOW;
  }
  kj::Promise<void> end(EndContext /*context*/) override { return kj::READY_NOW; }

 private:
  const std::string mark_;
  kj::Own<kj::PromiseFulfiller<void>> seen_;
  std::string text_;
};

vmm::NamedFd Open(const char* path, int flags) {
  OwnedFd fd(::open(path, flags | O_CLOEXEC));
  if (!fd.valid()) Fail(std::string("cannot open ") + path);
  return {std::move(fd), path};
}

vmm::DiskConfig Disk(const char* path) {
  vmm::DiskConfig disk;
  const bool writable = ::access(path, W_OK) == 0;
  disk.access = writable ? vmm::DiskAccess::kReadWrite : vmm::DiskAccess::kReadOnly;
  disk.image = Open(path, writable ? O_RDWR : O_RDONLY);
  return disk;
}

uint64_t Number(std::string_view word) {
  uint64_t number = 0;
  if (std::from_chars(word.begin(), word.end(), number).ptr != word.end())
    Fail("that is no number");
  return number;
}

kj::Promise<void> Resize(api::MachineClient& machine, const char* disk, uint64_t size) {
  if (::truncate(disk, static_cast<off_t>(size)) != 0) Fail("cannot make the disk longer");
  return machine.ResizeDisk(0).then([size](const absl::StatusOr<uint64_t>& answer) {
    if (!answer.ok() || *answer != size) Fail(answer.status().ToString());
  });
}

kj::Promise<void> Rest(api::MachineClient& machine, kj::Timer& timer, kj::Duration time) {
  return machine.Pause()
      .then([&timer, time](const absl::Status& paused) {
        Expect(paused);
        return timer.afterDelay(time);
      })
      .then([&machine] { return machine.Resume(); })
      .then([](const absl::Status& status) { Expect(status); });
}

kj::Promise<void> Act(std::string_view action, std::span<char*> words, api::MachineClient& machine,
                      kj::Timer& timer) {
  const std::string_view name = action.substr(0, action.find('='));
  const std::string_view value = action.substr(std::min(name.size() + 1, action.size()));
  if (name == "resize" && words.size() > kDisks) {
    return Resize(machine, words[kDisks], Number(value));
  }
  if (name == "pause") return Rest(machine, timer, Number(value) * kj::SECONDS);
  if (name == "power-button")
    return machine.PressPowerButton().then([](const absl::Status& status) { Expect(status); });
  Fail("there is no such action: see its head");
}

int Run(std::span<char*> words) {
  api::MachineSpec spec;
  spec.machine.memory_bytes = kMemory;
  spec.machine.kvm = Open("/dev/kvm", O_RDWR).fd;
  spec.machine.kernel = Open(words[kKernel], O_RDONLY);
  spec.machine.initrd = Open(words[kInitrd], O_RDONLY);
  spec.machine.command_line = words[kCommandLine];
  for (const char* path : words.subspan(kDisks)) spec.machine.disks.push_back(Disk(path));

  absl::StatusOr<api::VmmProcess> process = api::VmmProcess::Spawn();
  if (!process.ok()) Fail(process.status().ToString());
  kj::AsyncIoContext io = kj::setupAsyncIo();
  api::VmmConnection connection(io, process->TakeSocket());
  auto seen = kj::newPromiseAndFulfiller<void>();
  auto machine = api::MachineClient::Launch(
      connection.vmm(), std::move(spec), kj::heap<Watcher>(words[kMark], kj::mv(seen.fulfiller)));
  auto acted =
      seen.promise
          .then([&] { return Act(words[kAction], words, machine, io.provider->getTimer()); })
          .eagerlyEvaluate([](kj::Exception&& problem) { Fail(problem.getDescription().cStr()); });
  const auto status = machine.WhenEnded().wait(io.waitScope);
  if (!status.ok()) Fail(status.status().ToString());
  return status->reason == vmm::ExitReason::kStatus ? status->status : kFailed;
}

}  // namespace
}  // namespace mayfly

int main(int argc, char** argv) {
  const std::span<char*> words(argv, static_cast<size_t>(argc));
  if (words.size() < mayfly::kDisks) mayfly::Fail("too few arguments: see its head");
  return mayfly::Run(words);
}
