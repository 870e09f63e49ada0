#include "api/host/opener.h"

#include <capnp/rpc-twoparty.h>
#include <grp.h>
#include <kj/async-io.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "api/client/open_file.h"
#include "api/client/passt_process.h"
#include "api/client/user_net_codec.h"
#include "api/codec/fd_file.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/machine_spec.h"
#include "api/codec/rpc_status.h"
#include "api/codec/text.h"
#include "api/host/opener.capnp.h"
#include "base/status.h"
#include "jailer/privileges.h"
#include "virtio/net/backends/tap_device.h"

namespace mayfly::api {
namespace {

constexpr auto kSocketFlags =
    kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP | kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;

enum class Kind { kFile, kFileOrDisk };

[[nodiscard]] absl::Status CheckKind(const struct stat& file, Kind kind, const std::string& path) {
  if (S_ISREG(file.st_mode)) return absl::OkStatus();
  if (kind == Kind::kFileOrDisk && S_ISBLK(file.st_mode)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is no file", kind == Kind::kFileOrDisk ? ", and no block device" : ""));
}

// Opening some devices does something: they are looked at before. What is at the path by then is
// its user's affair, and looked at again.
template <typename Open>
[[nodiscard]] absl::StatusOr<OwnedFd> OpenChecked(const std::string& path, Kind kind,
                                                  const Open& open) {
  struct stat file {};
  if (::stat(path.c_str(), &file) == 0) MAYFLY_RETURN_IF_ERROR(CheckKind(file, kind, path));
  absl::StatusOr<vmm::NamedFd> opened = open();
  if (!opened.ok()) return opened.status();
  if (::fstat(opened->fd.get(), &file) != 0) return ErrnoStatus(absl::StrCat("looking at ", path));
  MAYFLY_RETURN_IF_ERROR(CheckKind(file, kind, path));
  return std::move(opened->fd);
}

[[nodiscard]] absl::StatusOr<OwnedFd> OpenNamed(rpc::Wanted::Reader wanted) {
  constexpr MagicLinks kLinks = MagicLinks::kRefuse;
  switch (wanted.which()) {
    case rpc::Wanted::KERNEL: {
      const std::string path = FromText(wanted.getKernel());
      return OpenChecked(path, Kind::kFile, [&] { return OpenImage("kernel", path, kLinks); });
    }
    case rpc::Wanted::INITRD: {
      const std::string path = FromText(wanted.getInitrd());
      return OpenChecked(path, Kind::kFile, [&] { return OpenImage("initrd", path, kLinks); });
    }
    case rpc::Wanted::DISK_TO_READ: {
      const std::string path = FromText(wanted.getDiskToRead());
      return OpenChecked(path, Kind::kFileOrDisk,
                         [&] { return OpenDiskImage(path, vmm::DiskAccess::kReadOnly, kLinks); });
    }
    case rpc::Wanted::DISK_TO_WRITE: {
      const std::string path = FromText(wanted.getDiskToWrite());
      return OpenChecked(path, Kind::kFileOrDisk,
                         [&] { return OpenDiskImage(path, vmm::DiskAccess::kReadWrite, kLinks); });
    }
    case rpc::Wanted::OVERLAY: {
      const std::string path = FromText(wanted.getOverlay());
      return OpenChecked(path, Kind::kFile,
                         [&] { return OpenOverlay(path, Missing::kMake, kLinks); });
    }
    case rpc::Wanted::TAP:
    case rpc::Wanted::USER:
      break;
  }
  return absl::InternalError("that has no path");
}

[[nodiscard]] absl::StatusOr<std::vector<OwnedFd>> OpenOne(rpc::Wanted::Reader wanted) {
  if (wanted.isTap()) {
    const auto tap = wanted.getTap();
    return virtio::OpenTap(FromText(tap.getName()), tap.getQueuePairs());
  }
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd fd, OpenNamed(wanted));
  std::vector<OwnedFd> fds;
  fds.push_back(std::move(fd));
  return fds;
}

[[nodiscard]] absl::StatusOr<OwnedFd> StartPasst(rpc::Wanted::User::Reader wanted, int words) {
  PasstOptions options = {.forwards = {}, .mtu = wanted.getMtu(), .words = words};
  MAYFLY_ASSIGN_OR_RETURN(options.forwards, DecodeForwards("user.forwards", wanted.getNet()));
  MAYFLY_ASSIGN_OR_RETURN(PasstProcess passt, PasstProcess::Start(options));
  return passt.TakeSocket();
}

// For good, and with nothing left of what this process could before. Nobody of that user's may look
// into it, or take it over (ptrace(2)): changing the user sees to it, unless the host has it
// otherwise (fs.suid_dumpable).
[[nodiscard]] absl::Status BecomeUser(rpc::User::Reader user) {
  std::vector<gid_t> groups;
  for (const gid_t group : user.getGroups()) groups.push_back(group);
  const uid_t id = user.getId();
  const gid_t group = user.getGroup();
  if (::setgroups(groups.size(), groups.data()) != 0) return ErrnoStatus("taking a user's groups");
  if (::setresgid(group, group, group) != 0) return ErrnoStatus("taking a user's group");
  if (::setresuid(id, id, id) != 0) return ErrnoStatus("becoming a user");
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return ErrnoStatus("hiding from a user");
  // Changing users takes it back (prctl(2)).
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    return ErrnoStatus("asking to be ended with the parent");
  }
  if (const char* const step = jailer::RenouncePrivileges(std::nullopt)) return ErrnoStatus(step);
  return absl::OkStatus();
}

class OpenerServer final : public rpc::Opener::Server {
 protected:
  kj::Promise<void> open(OpenContext context) override {
    const auto params = context.getParams();
    for (const auto wanted : params.getWanted()) {
      if (!wanted.isUser()) continue;
      OwnedFd& into = words_.emplace_back();
      arrivals_.Expect("words", wanted.getUser().getWords(), into);
    }
    return arrivals_.Receive().then(
        [this, context](absl::Status status) mutable -> kj::Promise<void> {
          if (status.ok()) status = OpenAll(context.getParams(), context.getResults());
          if (!status.ok()) return ToException(status);
          return kj::READY_NOW;
        });
  }

 private:
  [[nodiscard]] absl::Status OpenAll(OpenParams::Reader params, OpenResults::Builder results) {
    for (const auto variable : params.getEnvironment()) {
      const std::string text = FromText(variable);
      const size_t equals = text.find('=');
      if (equals == std::string::npos) continue;
      ::setenv(text.substr(0, equals).c_str(), text.c_str() + equals + 1, 1);
    }
    if (params.hasUser()) MAYFLY_RETURN_IF_ERROR(BecomeUser(params.getUser()));
    const auto wanted = params.getWanted();
    auto found = results.initFound(wanted.size());
    // First what is started: it has this user's limits, not ours.
    auto words = words_.begin();
    for (capnp::uint i = 0; i < wanted.size(); ++i) {
      if (!wanted[i].isUser()) continue;
      absl::StatusOr<OwnedFd> socket = StartPasst(wanted[i].getUser(), (words++)->get());
      if (!socket.ok()) return Annotate(socket.status(), FromText(wanted[i].getField()));
      found[i].initFiles(1).set(0, kj::heap<FdFile>(*std::move(socket)));
    }
    words_.clear();
    if (const char* const step = jailer::LimitResources()) return ErrnoStatus(step);
    for (capnp::uint i = 0; i < wanted.size(); ++i) {
      if (wanted[i].isUser()) continue;
      absl::StatusOr<std::vector<OwnedFd>> opened = OpenOne(wanted[i]);
      if (!opened.ok()) return Annotate(opened.status(), FromText(wanted[i].getField()));
      auto files = found[i].initFiles(static_cast<capnp::uint>(opened->size()));
      for (capnp::uint n = 0; n < files.size(); ++n) {
        files.set(n, kj::heap<FdFile>(std::move((*opened)[n])));
      }
    }
    return absl::OkStatus();
  }

  std::deque<OwnedFd> words_;  // of user networks, in their order
  FileArrivals arrivals_;
};

}  // namespace

bool IsOpener(std::span<char* const> arguments) {
  return arguments.size() == 2 && std::string_view(arguments[1]) == kOpenerWord;
}

int RunOpener() {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  auto stream = io.lowLevelProvider->wrapUnixSocketFd(kOpenerSocket, kSocketFlags);
  capnp::TwoPartyVatNetwork network(*stream, kMaxFdsPerMessage, capnp::rpc::twoparty::Side::SERVER);
  auto rpc = capnp::makeRpcServer(network, kj::heap<OpenerServer>());
  network.onDisconnect().wait(io.waitScope);
  return 0;
}

}  // namespace mayfly::api
