#include "api/host/host_socket.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/unix_address.h"

namespace mayfly::api {
namespace {

// Until the mode is set.
constexpr mode_t kNobodyElse = 0177;
constexpr uid_t kSameUser = static_cast<uid_t>(-1);

[[nodiscard]] OwnedFd MakeSocket() {
  return OwnedFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

[[nodiscard]] absl::Status RemoveStale(const std::string& path, const UnixAddress& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(absl::StrCat("looking at ", path));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is there already, and is no socket; choose another path"));
  }
  const OwnedFd probe = MakeSocket();
  if (!probe.valid()) return ErrnoStatus("making a socket");
  if (::connect(probe.get(), address.get(), address.size()) == 0 || errno != ECONNREFUSED) {
    return absl::FailedPreconditionError(
        absl::StrCat("somebody listens on ", path, " already; stop it, or choose another socket"));
  }
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(absl::StrCat("removing the socket ", path, ", which nobody listens on"));
}

// The name of a socket of process `pid` that does not listen yet.
[[nodiscard]] std::string EarlyName(const std::string& path, pid_t pid) {
  return absl::StrCat(path, ".", pid);
}

// Whose early name of `base` this is; 0 where it is none.
[[nodiscard]] pid_t OwnerOfEarly(const std::string& name, const std::string& base) {
  pid_t pid = 0;
  if (!absl::SimpleAtoi(name.substr(name.rfind('.') + 1), &pid) || pid <= 0) return 0;
  return name == EarlyName(base, pid) ? pid : 0;
}

// What processes left that were killed before they listened, as far as it can be had: it is in
// nobody's way.
void RemoveStaleEarlyOnes(const std::string& path) {
  const size_t slash = path.rfind('/') + 1;  // 0 without one
  const std::string parent = slash == 0 ? "." : path.substr(0, slash);
  const std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> directory(
      ::opendir(parent.c_str()));
  if (directory == nullptr) return;
  while (const dirent* const entry = ::readdir(directory.get())) {
    const pid_t pid = OwnerOfEarly(entry->d_name, path.substr(slash));
    if (pid == 0 || ::kill(pid, 0) == 0 || errno != ESRCH) continue;
    const std::string name = EarlyName(path, pid);
    if (const auto address = UnixAddress::At(name); address.ok()) {
      (void)RemoveStale(name, *address);
    }
  }
}

}  // namespace

absl::StatusOr<HostSocket> HostSocket::Make(const std::string& path, const SocketAccess& access) {
  MAYFLY_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::At(path));
  OwnedFd fd = MakeSocket();
  if (!fd.valid()) return ErrnoStatus("making a socket");
  // A process may have been killed here that had our number.
  ::unlink(path.c_str());
  const mode_t before = ::umask(kNobodyElse);
  const int bound = ::bind(fd.get(), address.get(), address.size());
  const int error = errno;
  ::umask(before);
  if (bound != 0) return ErrnoStatus(absl::StrCat("making the socket ", path), error);
  HostSocket socket(path, std::move(fd));
  if (access.group && ::chown(path.c_str(), kSameUser, *access.group) != 0) {
    return ErrnoStatus(absl::StrCat("giving the socket ", path, " to the group ", *access.group));
  }
  if (::chmod(path.c_str(), access.mode) != 0) {
    return ErrnoStatus(absl::StrCat("setting the permissions of the socket ", path));
  }
  if (::listen(socket.fd(), SOMAXCONN) != 0) {
    return ErrnoStatus(absl::StrCat("listening on the socket ", path));
  }
  return socket;
}

absl::StatusOr<HostSocket> HostSocket::Bind(const std::string& path, const SocketAccess& access) {
  MAYFLY_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::At(path));
  MAYFLY_RETURN_IF_ERROR(RemoveStale(path, address));
  RemoveStaleEarlyOnes(path);
  // Under another name until it listens, so that who finds it can connect.
  const std::string early = EarlyName(path, ::getpid());
  if (!UnixAddress::At(early).ok()) return Make(path, access);
  absl::StatusOr<HostSocket> made = Make(early, access);
  if (!made.ok()) return made.status();
  // Another may have come meanwhile. Not every file system has that (EINVAL).
  if (::renameat2(AT_FDCWD, early.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0 &&
      (errno != EINVAL || ::rename(early.c_str(), path.c_str()) != 0)) {
    return ErrnoStatus(absl::StrCat("making the socket ", path));
  }
  made->path_ = path;
  return made;
}

absl::StatusOr<HostSocket> HostSocket::Take(OwnedFd fd) {
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  int listens = 0;
  socklen_t listens_size = sizeof(listens);
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.sun_family != AF_UNIX || address.sun_path[0] != '/' ||
      ::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 ||
      listens == 0) {
    return absl::InvalidArgumentError(
        "what this process was started with is no listening Unix socket in the file system; see "
        "ListenStream= in mayflyd.socket");
  }
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoStatus("making a socket non-blocking");
  }
  HostSocket socket(address.sun_path, std::move(fd));
  socket.is_taken_ = true;
  return socket;
}

void HostSocket::Close() {
  if (!fd_.valid()) return;
  if (!is_taken_) ::unlink(path_.c_str());
  fd_.Reset();
}

}  // namespace mayfly::api
