#include "api/testing/wrong_files.h"

#include <fcntl.h>
#include <kj/debug.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "api/codec/fd_file.h"
#include "base/pipe.h"

namespace mayfly::api::testing {
namespace {

constexpr off_t kDiskBytes = 65536;

class NoFile final : public rpc::File::Server {};

[[nodiscard]] OwnedFd Open(const char* path, int flags) {
  return OwnedFd(::open(path, flags | O_CLOEXEC));
}

[[nodiscard]] WrongFile Make(const char* what, std::function<OwnedFd()> open) {
  return {.what = what, .make = [open = std::move(open)]() -> rpc::File::Client {
            return kj::heap<FdFile>(open());
          }};
}

}  // namespace

OwnedFd OpenSmallDisk(int flags) {
  const OwnedFd disk(::memfd_create("disk", MFD_CLOEXEC));
  KJ_SYSCALL(::ftruncate(disk.get(), kDiskBytes));
  return Open(("/proc/self/fd/" + std::to_string(disk.get())).c_str(), flags);
}

std::vector<WrongFile> WrongFiles() {
  return {Make("a directory", [] { return Open("/", O_RDONLY | O_DIRECTORY); }),
          Make("a pipe", [] { return Pipe::Make().value().reader; }),
          Make("a device", [] { return Open("/dev/null", O_RDWR); }),
          Make("a path", [] { return Open("/dev/null", O_PATH); }),
          Make("an empty file", [] { return OwnedFd(::memfd_create("empty", MFD_CLOEXEC)); }),
          Make("a disk to read", [] { return OpenSmallDisk(O_RDONLY); }),
          {.what = "a capability without a file",
           .make = []() -> rpc::File::Client { return kj::heap<NoFile>(); }},
          {.what = "a broken capability",
           .make = []() -> rpc::File::Client { return KJ_EXCEPTION(FAILED, "it is broken"); }}};
}

std::vector<FilePlace> FilePlaces() {
  using Spec = rpc::MachineSpec::Builder;
  return {
      {.field = "kernel",
       .name = "kernel",
       .put = [](Spec spec, auto file) { spec.initKernel().setFile(kj::mv(file)); }},
      {.field = "disks[0]",
       .name = "disk \"disk\"",
       .put =
           [](Spec spec, auto file) {
             auto image = spec.initDisks(1)[0].initImage();
             image.setName("disk");
             image.setFile(kj::mv(file));
           }},
      {.field = "nets[0]",
       .name = "nets[0]",
       .put = [](Spec spec,
                 auto file) { spec.initNets(1)[0].getBackend().initTap(1).set(0, kj::mv(file)); }},
      {.field = "nets[0]", .name = "nets[0]", .put = [](Spec spec, auto file) {
         spec.initNets(1)[0].getBackend().setPasst(kj::mv(file));
       }}};
}

}  // namespace mayfly::api::testing
