// resize_disk KERNEL INITRD DISK CMDLINE MARK SIZE: boots a Linux guest with a disk, and when it
// has printed MARK, makes the disk SIZE bytes long and tells the VM. Its exit status is the
// guest's, or 125.

#include <fcntl.h>
#include <kj/async-io.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "api/client/machine_client.h"
#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"

namespace mayfly {
namespace {

constexpr int kFailed = 125;
constexpr int kArguments = 7;

[[noreturn]] void Fail(std::string_view what) {
  std::fprintf(stderr, "resize_disk: %.*s\n", static_cast<int>(what.size()), what.data());
  ::_exit(kFailed);
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

int Run(char** words) {
  const std::string_view size_word = words[6];
  uint64_t size = 0;
  if (std::from_chars(size_word.begin(), size_word.end(), size).ptr != size_word.end()) {
    Fail("the size is no number");
  }
  api::MachineSpec spec;
  spec.machine.kvm = Open("/dev/kvm", O_RDWR).fd;
  spec.machine.kernel = Open(words[1], O_RDONLY);
  spec.machine.initrd = Open(words[2], O_RDONLY);
  spec.machine.disks.emplace_back().image = Open(words[3], O_RDWR);
  spec.machine.command_line = words[4];

  absl::StatusOr<api::VmmProcess> process = api::VmmProcess::Spawn();
  if (!process.ok()) Fail(process.status().ToString());
  kj::AsyncIoContext io = kj::setupAsyncIo();
  api::VmmConnection connection(io, process->TakeSocket());
  auto seen = kj::newPromiseAndFulfiller<void>();
  auto machine = api::MachineClient::Launch(connection.vmm(), std::move(spec),
                                            kj::heap<Watcher>(words[5], kj::mv(seen.fulfiller)));
  auto resized =
      seen.promise
          .then([&] {
            if (::truncate(words[3], static_cast<off_t>(size)) != 0) {
              Fail("cannot make the disk longer");
            }
            return machine.ResizeDisk(0);
          })
          .then([&](const absl::StatusOr<uint64_t>& answer) {
            if (!answer.ok() || *answer != size) Fail(answer.status().ToString());
          })
          .eagerlyEvaluate([](kj::Exception&& problem) { Fail(problem.getDescription().cStr()); });
  const auto status = machine.WhenEnded().wait(io.waitScope);
  if (!status.ok()) Fail(status.status().ToString());
  return status->reason == vmm::ExitReason::kStatus ? status->status : kFailed;
}

}  // namespace
}  // namespace mayfly

int main(int argc, char** argv) {
  if (argc != mayfly::kArguments) mayfly::Fail("six arguments: see its head");
  return mayfly::Run(argv);
}
