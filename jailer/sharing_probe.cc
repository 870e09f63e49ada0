// sharing_probe leave|take none|landlock [KEYRING KEY]: what sharing_test starts, twice. The first
// leaves something in everything that two processes could share, and stays; the second, told the
// numbers of the first one's keys, looks for it. Each tells what came of it, a "name=DONE" or
// "name=ERRNO" a line.

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "jailer/landlock.h"

namespace {

constexpr int kShared = 0x4d46;     // a System V key
constexpr unsigned kNetlink = 777;  // a netlink port
constexpr in_port_t kPort = 5000;
constexpr mode_t kForAll = 0666;
constexpr std::string_view kAddress("\0mayfly-sharing", 15);  // an abstract one

void Tell(const char* name, long result) {
  ::dprintf(STDOUT_FILENO, "%s=%s\n", name, result >= 0 ? "DONE" : ::strerrorname_np(errno));
}

long Abstract(bool leave) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  kAddress.copy(address.sun_path, kAddress.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kAddress.size());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  return leave ? ::bind(fd, generic, size) : ::connect(fd, generic, size);
}

long Netlink(bool leave) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_pid = kNetlink;
  const int fd = ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_USERSOCK);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  return leave ? ::bind(fd, generic, sizeof address)
               : ::sendto(fd, "", 1, 0, generic, sizeof address);
}

// Whether a port is free is a message, too.
long TakePort(int type) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

long LockRoot() {
  const int fd = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? fd : ::flock(fd, LOCK_EX | LOCK_NB);
}

long Key(const char* argument) {
  std::array<char, 16> text{};
  return ::syscall(SYS_keyctl, KEYCTL_READ, std::atol(argument), text.data(), text.size());
}

}  // namespace

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<size_t>(argc));
  const bool leave = std::strcmp(arguments[1], "leave") == 0;
  if (std::strcmp(arguments[2], "landlock") == 0 && !mayfly::jailer::ForsakeFiles().ok()) return 1;
  ::umask(0);
  Tell("shared memory", ::shmget(kShared, 1, static_cast<int>(kForAll) | (leave ? IPC_CREAT : 0)));
  Tell("semaphore", ::semget(kShared, 1, static_cast<int>(kForAll) | (leave ? IPC_CREAT : 0)));
  Tell("messages", ::msgget(kShared, static_cast<int>(kForAll) | (leave ? IPC_CREAT : 0)));
  Tell("queue",
       ::syscall(SYS_mq_open, "sharing", O_RDWR | (leave ? O_CREAT : 0), kForAll, nullptr));
  Tell("abstract socket", Abstract(leave));
  Tell("netlink", Netlink(leave));
  Tell("udp port", TakePort(SOCK_DGRAM));
  Tell("tcp port", TakePort(SOCK_STREAM));
  Tell("lock", LockRoot());
  Tell("attribute", ::syscall(SYS_setxattr, "/", "user.left", "x", 1, 0));
  Tell("mode", ::chmod("/", S_IRWXU));
  Tell("host name", ::sethostname("left", 4));
  Tell("proc", ::open("/proc/1/status", O_RDONLY | O_CLOEXEC));
  if (leave) {
    ::dprintf(STDOUT_FILENO, "keyring number=%ld\nkey number=%ld\n",
              ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0),
              ::syscall(SYS_add_key, "user", "left", "x", 1, KEY_SPEC_SESSION_KEYRING));
  } else {
    Tell("key", Key(arguments[4]));
    Tell("list of keys", Key(arguments[3]));
    Tell("keyring",
         ::syscall(SYS_keyctl, KEYCTL_SEARCH, std::atol(arguments[3]), "user", "left", 0));
    Tell("own key", ::syscall(SYS_add_key, "user", "left", "x", 1, KEY_SPEC_SESSION_KEYRING));
  }
  ::dprintf(STDOUT_FILENO, ".\n");
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
