#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "jailer/spawn.h"

namespace mayfly::api {

// A port of the host's that leads to one of the guest's.
struct PasstForward {
  enum class Protocol { kTcp, kUdp };
  Protocol protocol = Protocol::kTcp;
  uint16_t host = 0;  // on all of the host's addresses
  uint16_t guest = 0;

  friend bool operator==(const PasstForward&, const PasstForward&) = default;
};

struct PasstOptions {
  std::vector<PasstForward> forwards;
  uint16_t mtu = 0;  // what DHCP tells the guest; 0: passt's own choice, the largest there is
  // Where it writes what it has to say, for whom DescribeFailure() is not; -1: for that.
  int words = -1;
};

// A passt(1) process of ours: the network of one VM, made of an ordinary user's sockets.
//
// It ends when the other end of its socket is closed, and so with its VM, whatever becomes of us.
// Dropping this object does not end it. It does not wait until passt is ready, which takes some 20
// to 90 ms: what a guest sends before is in the socket meanwhile. A passt that cannot do what is
// asked (a port is taken) ends at once: watch process().pidfd().
//
// The gateway's address does not lead to the host's loopback, as passt would have it: the guest is
// not to be trusted with what listens there. (Destinations that mean "this host" themselves, which
// passt takes as they are, never leave virtio::PasstBackend.)
class [[nodiscard]] PasstProcess final {
 public:
  // The program: $MAYFLY_PASST where it is set, otherwise `passt` in $PATH. Errors: NotFound and
  // others, with what to install.
  [[nodiscard]] static absl::StatusOr<OwnedFd> FindProgram();
  // Errors: InvalidArgument for forwards of port 0, and what the host refuses.
  [[nodiscard]] static absl::StatusOr<PasstProcess> Start(const PasstOptions& options);

  // The VM's end of the socket, for vmm::PasstNet. Once; no copy of it is to be kept.
  [[nodiscard]] OwnedFd TakeSocket() { return std::move(socket_); }
  [[nodiscard]] const jailer::ChildProcess& process() const { return process_; }
  // For when it has ended, or the link to it: how and why, as a sentence. Ends it first, should it
  // still run. nullopt: as it should, because its socket was closed.
  [[nodiscard]] std::optional<std::string> DescribeFailure() const;
  // Its words as one sentence, without those that it says on any host.
  [[nodiscard]] static std::string EssenceOf(std::string_view words);

 private:
  PasstProcess(jailer::ChildProcess process, OwnedFd socket, OwnedFd last_words)
      : process_(std::move(process)),
        socket_(std::move(socket)),
        last_words_(std::move(last_words)) {}

  jailer::ChildProcess process_;
  OwnedFd socket_;
  OwnedFd last_words_;  // what it writes to its standard error
};

}  // namespace mayfly::api
