// A specification as anybody may send it: all that reads it, in a host service and in a VMM, takes
// it or says what is wrong with it.

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <fcntl.h>
#include <kj/async.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "api/client/resource_limits_codec.h"
#include "api/codec/fd_file.h"
#include "api/codec/machine_spec.h"
#include "api/codec/rpc_status.h"
#include "api/host/launch_check.h"
#include "api/host/spec_record.h"
#include "api/mayfly.capnp.h"
#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"

namespace mayfly::api {
namespace {

// As a connection to a host service has them.
constexpr capnp::ReaderOptions kOptions = {.traversalLimitInWords = uint64_t{1} << 20,
                                           .nestingLimit = 64};
constexpr unsigned kMostDevices = 64;

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

// "<field>: <what>".
void RequireGoodError(const absl::Status& status) {
  Require(status.code() == absl::StatusCode::kInvalidArgument);
  Require(status.message().find(": ") != absl::string_view::npos);
}

class NoFile final : public rpc::File::Server {};

// What somebody may send for a file.
class Files final {
 public:
  explicit Files(uint32_t choice) : choice_(choice) {}

  [[nodiscard]] rpc::File::Client Next() {
    constexpr uint32_t kKinds = 6;
    const uint32_t kind = choice_ % kKinds;
    choice_ = choice_ / kKinds + 0x9e37'79b9U * kind;  // any other
    switch (kind) {
      case 0:
        return File(::memfd_create("image", MFD_CLOEXEC));
      case 1:
        return File(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      case 2:
        return File(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      case 3:
        return File(-1);  // closed
      case 4:
        return kj::heap<NoFile>();
      default:
        return rpc::File::Client(
            kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::str("broken")));
    }
  }

 private:
  [[nodiscard]] static rpc::File::Client File(int fd) { return kj::heap<FdFile>(OwnedFd(fd)); }

  uint32_t choice_;
};

void AddFiles(rpc::MachineSpec::Builder spec, Files& files) {
  if (spec.hasKernel()) spec.getKernel().setFile(files.Next());
  if (spec.hasInitrd()) spec.getInitrd().setFile(files.Next());
  for (auto disk : spec.getDisks()) {
    if (disk.hasImage()) disk.getImage().setFile(files.Next());
    if (!disk.hasOverlay()) continue;
    auto upper = disk.getOverlay().getUpper();
    if (upper.isFile() && upper.hasFile()) upper.getFile().setFile(files.Next());
  }
  for (auto net : spec.getNets()) {
    auto backend = net.getBackend();
    if (backend.isPasst()) backend.setPasst(files.Next());
    if (!backend.isTap()) continue;
    auto tap = backend.getTap();
    for (capnp::uint queue = 0; queue < tap.size(); ++queue) tap.set(queue, files.Next());
  }
}

class Fuzz final {
 public:
  Fuzz(kj::WaitScope& scope, uint32_t choice) : scope_(scope), files_(choice) {}

  void Run(rpc::MachineSpec::Reader spec) {
    capnp::MallocMessageBuilder launch;
    auto params = launch.initRoot<rpc::Host::LaunchParams>();
    params.setSpec(spec);
    params.setName(spec.getKernel().getName());
    AddFiles(params.getSpec(), files_);
    AsAHost(params.asReader());
    capnp::MallocMessageBuilder create;
    auto create_params = create.initRoot<rpc::Vmm::CreateParams>();
    create_params.setKvm(files_.Next());
    create_params.setSpec(params.getSpec());
    AsAVmm(create_params.asReader());
  }

 private:
  static void AsAHost(rpc::Host::LaunchParams::Reader params) {
    const auto limits = DecodeResourceLimits(params.getSpec().getLimits());
    if (!limits.ok()) Require(!limits.status().message().empty());
    const auto facts = DecodeFacts(params);
    if (!facts.ok()) return RequireGoodError(facts.status());
    Require(facts->labels.size() <= kMostDevices);
    // What is kept of it can be read again, and has no file.
    const SpecRecord record(params.getSpec());
    capnp::FlatArrayMessageReader kept(record.words());
    const auto again = kept.getRoot<rpc::MachineSpec>();
    Require(again.totalSize().capCount == 0);
    Require(again.getCpus() == params.getSpec().getCpus());
  }

  void AsAVmm(rpc::Vmm::CreateParams::Reader params) {
    DecodeSpec(params)
        .then(
            [](kj::Own<MachineSpec> spec) {
              Require(spec->machine.disks.size() <= kMostDevices);
              Require(spec->machine.nets.size() <= kMostDevices);
              Require(spec->machine.kernel.fd.valid());
            },
            [](kj::Exception&& exception) {
              const absl::Status status = FromException(exception);
              // A file that is closed cannot be duplicated.
              const bool no_file = status.message().find("descriptor") != absl::string_view::npos;
              if (!no_file) RequireGoodError(status);
            })
        .wait(scope_);
  }

  kj::WaitScope& scope_;
  Files files_;
};

}  // namespace
}  // namespace mayfly::api

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mayfly;
  static kj::EventLoop loop;
  static kj::WaitScope scope(loop);
  ByteSource input(data, size);
  const auto choice = input.Take<uint32_t>();
  const auto bytes = input.TakeBytes(size);
  auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  if (words.size() == 0) return 0;
  std::memcpy(words.begin(), bytes.data(), words.size() * sizeof(capnp::word));
  const kj::ArrayPtr<const capnp::word> segment = words;
  // A message that is none is Cap'n Proto's to refuse.
  (void)kj::runCatchingExceptions([&] {
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(&segment, 1), api::kOptions);
    api::Fuzz(scope, choice).Run(message.getRoot<rpc::MachineSpec>());
  });
  return 0;
}
