#include "virtio/net/backends/tap_backend.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

// Of TUNSETOFFLOAD; uapi/linux/if_tun.h has them since Linux 6.2. The kernel takes both or none.
constexpr unsigned kTunUso4 = 0x20;
constexpr unsigned kTunUso6 = 0x40;

constexpr uint64_t kGuestUso = kNetFeatureGuestUso4 | kNetFeatureGuestUso6;

unsigned TunOffloads(uint64_t features) {
  unsigned flags = 0;
  const auto map = [&](uint64_t feature, unsigned flag) {
    if ((features & feature) == feature) flags |= flag;
  };
  map(kNetFeatureGuestChecksum, TUN_F_CSUM);
  map(kNetFeatureGuestTso4, TUN_F_TSO4);
  map(kNetFeatureGuestTso6, TUN_F_TSO6);
  map(kNetFeatureGuestEcn, TUN_F_TSO_ECN);
  map(kGuestUso, kTunUso4 | kTunUso6);
  return flags;
}

bool SetOffloads(int tap, uint64_t features) {
  return ioctl(tap, TUNSETOFFLOAD, uint64_t{TunOffloads(features)}) == 0;
}

// What the kernel can do with a tap: it takes every segmentation that it can do itself. They stay
// on until Start() says which are to be.
std::optional<uint64_t> ProbeOffloads(int tap) {
  constexpr uint64_t kAll = kNetHostOffloads | kNetGuestOffloads;
  constexpr uint64_t kWithoutUso = kAll & ~(kGuestUso | kNetFeatureHostUso);
  if (SetOffloads(tap, kAll)) return kAll;
  if (SetOffloads(tap, kWithoutUso)) return kWithoutUso;
  return std::nullopt;
}

absl::StatusOr<ifreq> QueryTap(int tap) {
  ifreq request{};
  if (ioctl(tap, TUNGETIFF, &request) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", tap,
                     " is no tap interface: open /dev/net/tun and attach it "
                     "with TUNSETIFF"));
  }
  return request;
}

// Whether it is as we need it, and makes it so where that can be done later.
absl::Status PrepareTap(int tap, const ifreq& interface, bool one_of_many) {
  const std::string name = absl::StrCat("the tap interface ", interface.ifr_name);
  const int flags = interface.ifr_flags;
  constexpr int kNeeded = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if ((flags & kNeeded) != kNeeded) {
    return absl::InvalidArgumentError(
        absl::StrCat(name,
                     " is attached without what is needed: TUNSETIFF takes IFF_TAP, "
                     "IFF_NO_PI and IFF_VNET_HDR"));
  }
  if (one_of_many && (flags & IFF_MULTI_QUEUE) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has one queue: attach with IFF_MULTI_QUEUE for more"));
  }
  const int header_size = kNetHeaderSize;
  if (ioctl(tap, TUNSETVNETHDRSZ, &header_size) != 0) {
    return ErrnoStatus(absl::StrCat("giving ", name, " headers of 12 bytes"));
  }
  // As a new one: what the host cannot take is lost, and nobody waits for it.
  const int send_buffer = std::numeric_limits<int>::max();
  if (ioctl(tap, TUNSETSNDBUF, &send_buffer) != 0) {
    return ErrnoStatus(absl::StrCat("lifting the send limit of ", name));
  }
  const int status_flags = fcntl(tap, F_GETFL);
  if (status_flags < 0 ||
      ((status_flags & O_NONBLOCK) == 0 && fcntl(tap, F_SETFL, status_flags | O_NONBLOCK) != 0)) {
    return ErrnoStatus(absl::StrCat("making ", name, " non-blocking"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TapBackend>> TapBackend::Create(std::vector<OwnedFd> queues,
                                                               EventLoop& io) {
  if (queues.empty()) return absl::InvalidArgumentError("a tap needs at least one descriptor");
  std::string first;
  for (const OwnedFd& queue : queues) {
    MAYFLY_ASSIGN_OR_RETURN(const ifreq interface, QueryTap(queue.get()));
    MAYFLY_RETURN_IF_ERROR(PrepareTap(queue.get(), interface, queues.size() > 1));
    if (first.empty()) first = interface.ifr_name;
    if (first != interface.ifr_name) {
      return absl::InvalidArgumentError(absl::StrCat("queues of two tap interfaces, ", first,
                                                     " and ", interface.ifr_name,
                                                     ", for one network card"));
    }
  }
  const std::optional<uint64_t> offloads = ProbeOffloads(queues.front().get());
  if (!offloads) return ErrnoStatus(absl::StrCat("setting the offloads of ", first));
  return std::make_unique<TapBackend>(Passkey(), std::move(queues), io, *offloads);
}

TapBackend::TapBackend(Passkey, std::vector<OwnedFd> queues, EventLoop& io,
                       uint64_t offload_features)
    : io_(io),
      queue_pairs_(static_cast<uint16_t>(queues.size())),
      offload_features_(offload_features) {
  for (OwnedFd& queue : queues) queues_.push_back({.fd = std::move(queue)});
}

absl::Status TapBackend::Start(uint64_t features, NetBackendEvents& events) {
  events_ = &events;
  used_pairs_ = 0;
  absl::Status status = SetGuestOffloads(features);
  if (status.ok()) status = SetQueuePairs(1);
  if (!status.ok()) Stop();
  return status;
}

absl::Status TapBackend::Attach(TapQueue& queue, int ifreq_flag) {
  const bool attach = ifreq_flag == IFF_ATTACH_QUEUE;
  if (queue.attached == attach) return absl::OkStatus();
  ifreq request{};
  request.ifr_flags = static_cast<int16_t>(ifreq_flag);
  if (ioctl(queue.fd.get(), TUNSETQUEUE, &request) != 0) {
    return ErrnoStatus(attach ? "attaching a queue of a tap" : "detaching a queue of a tap");
  }
  queue.attached = attach;
  return absl::OkStatus();
}

absl::Status TapBackend::SetQueuePairs(uint16_t pairs) {
  const uint16_t before = std::exchange(used_pairs_, std::min(used_pairs_, pairs));
  // First of all: a detached queue is nothing but an error to epoll.
  for (uint16_t pair = pairs; pair < queue_pairs_; ++pair) PauseReceiving(pair);
  for (uint16_t pair = 0; pair < queue_pairs_; ++pair) {
    MAYFLY_RETURN_IF_ERROR(
        Attach(queues_[pair], pair < pairs ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE));
  }
  // Of those in use already, some may be paused, and remain so.
  for (uint16_t pair = before; pair < pairs; ++pair) {
    MAYFLY_RETURN_IF_ERROR(ResumeReceiving(pair));
  }
  used_pairs_ = pairs;
  return absl::OkStatus();
}

absl::Status TapBackend::SetGuestOffloads(uint64_t offloads) {
  // They belong to the interface; any of its queues does.
  if (SetOffloads(queues_.front().fd.get(), offloads)) return absl::OkStatus();
  return ErrnoStatus("setting the offloads of a tap");
}

void TapBackend::PauseReceiving(uint16_t pair) {
  TapQueue& queue = queues_[pair];
  if (std::exchange(queue.watched, false)) io_.Unwatch(queue.fd.get());
}

absl::Status TapBackend::ResumeReceiving(uint16_t pair) {
  TapQueue& queue = queues_[pair];
  if (queue.watched) return absl::OkStatus();
  MAYFLY_RETURN_IF_ERROR(io_.Watch(queue.fd.get(), [this, pair] { events_->OnReadable(pair); }));
  queue.watched = true;
  return absl::OkStatus();
}

void TapBackend::Stop() {
  for (uint16_t pair = 0; pair < queue_pairs_; ++pair) PauseReceiving(pair);
  events_ = nullptr;
}

NetBackend::Result TapBackend::Send(uint16_t pair, std::span<iovec> packet) {
  const int tap = queues_[pair].fd.get();
  // One piece is what a small packet has, and without a vector the kernel takes it sooner.
  const ssize_t sent = packet.size() == 1
                           ? write(tap, packet.front().iov_base, packet.front().iov_len)
                           : writev(tap, packet.data(), static_cast<int>(packet.size()));
  if (sent >= 0) return {};
  // There is no limit that would ever be lifted (see PrepareTap()): nothing to wait for.
  return {.error = errno == EAGAIN ? ENOBUFS : errno};
}

NetBackend::Result TapBackend::Receive(uint16_t pair, std::span<iovec> room) {
  const ssize_t received =
      readv(queues_[pair].fd.get(), room.data(), static_cast<int>(room.size()));
  if (received >= 0) return {.error = 0, .bytes = static_cast<uint64_t>(received)};
  switch (errno) {
    case EBADFD:  // the interface is deleted,
    case EFAULT:  // or is being so
      return {.error = ENODEV};
    default:
      return {.error = errno};
  }
}

}  // namespace mayfly::virtio
