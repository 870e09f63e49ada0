#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "virtio/core/device.h"
#include "virtio/net/filter/net_filter.h"
#include "virtio/net/filter/net_header_check.h"
#include "virtio/net/net_backend.h"
#include "virtio/net/net_counters.h"
#include "virtio/net/net_filter_config.h"
#include "virtio/net/net_receiver.h"
#include "virtio/net/net_sender.h"
#include "virtio/protocol/net_protocol.h"
#include "virtio/rate/rate_gate.h"
#include "virtio/rate/rate_limiter.h"

namespace mayfly::virtio {

// virtio-net (virtio 1.2, 5.1): a network card over a NetBackend. Threading: as Device; what comes
// in addition is for the io thread.
//
// A packet that may not be sent is dropped, counted, and the first of its kind told to the host.
// Only what breaks a queue fails the device: a chain that Queue refuses, a receive buffer that
// takes no header, a command without room for its answer.
class Net final : public Device, private NetBackendEvents {
  class Passkey {
    friend class Net;
    Passkey() = default;
  };

 public:
  static constexpr uint16_t kQueueSize = 256;
  // As many as a driver can have vCPUs; each takes two queues of the transport's.
  static constexpr uint16_t kMaxPairs = 64;

  struct Options {
    NetFilterConfig filter;  // its MAC address is the card's
    uint16_t mtu = 0;        // bytes that the driver is told; 0: not told
    RateLimits transmit;     // of what the driver sends
    RateLimits receive;      // of what it is sent
  };

  // `io` outlives the device. Errors: InvalidArgument for a MAC address that is no station's, an
  // MTU below kNetMinMtu, or a backend of no or too many queue pairs; those of timerfd_create(2).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Net>> Create(
      std::unique_ptr<NetBackend> backend, Options options, EventLoop& io);
  Net(Passkey, std::unique_ptr<NetBackend> backend, Options options);

  [[nodiscard]] DeviceType type() const override { return DeviceType::kNet; }
  [[nodiscard]] uint64_t features() const override { return offered_features_; }
  [[nodiscard]] bool Accepts(uint64_t features) const override;
  [[nodiscard]] std::span<const uint16_t> queue_max_sizes() const override { return queue_sizes_; }
  void ReadConfig(uint64_t offset, std::span<std::byte> out) override;
  void WriteConfig(uint64_t offset, std::span<const std::byte> data) override;
  void Activate(uint64_t features, std::span<Queue> queues, DeviceHost& host) override;
  void OnKick(uint16_t queue) override;
  void Reset() override;
  void Shutdown() override;

  // New limits from now on. A direction without keeps its own.
  void UpdateLimits(const std::optional<RateLimits>& transmit,
                    const std::optional<RateLimits>& receive);
  [[nodiscard]] const NetCounters& counters() const { return counters_; }
  [[nodiscard]] const NetFilter& filter() const { return filter_; }

 private:
  enum class State {
    kReady,      // waits for the driver, or the backend
    kExhausted,  // receives again when the driver has made buffers available
    kThrottled,  // goes on when the gate opens
    kBlocked,    // sends again when the backend says so
  };
  // Both directions of a queue pair.
  struct Pair {
    Pair(uint16_t index, Queue& receive, Queue& send, const Net& net)
        : receiver(index, receive, *net.receive_shared_, net.features_, net.mtu_),
          sender(index, send, *net.send_shared_) {}

    NetReceiver receiver;
    NetSender sender;
    State receiving = State::kReady;
    State sending = State::kReady;
  };

  void OnReadable(uint16_t pair) override;
  void OnWritable(uint16_t pair) override;

  [[nodiscard]] bool IsControlQueue(uint16_t queue) const;
  // Makes what is missing for the first `count` pairs.
  void AddPairs(uint16_t count);
  void Receive(uint16_t pair);
  void PauseReceiving(uint16_t pair, State state);
  void ResumeReceiving(uint16_t pair);
  void Send(uint16_t pair);
  // Lets those of the used pairs go on that wait for a gate, another one first each time.
  void OnSendGate();
  void OnReceiveGate();

  void ServeCommands(uint16_t queue);
  [[nodiscard]] NetControlAck Execute(Buffers& command);
  [[nodiscard]] absl::Status UsePairs(uint16_t pairs);
  [[nodiscard]] absl::Status UseOffloads(uint64_t offloads);

  void Publish(Queue& queue);
  void StopBackend();
  void LoseLink(absl::string_view why);
  void Fail(std::string what);
  void SetLink(uint16_t status);

  const std::unique_ptr<NetBackend> backend_;
  const uint16_t mtu_;
  const uint64_t offered_features_;
  const std::vector<uint16_t> queue_sizes_;
  NetFilter filter_;
  NetCounters counters_;
  std::unique_ptr<RateGate> send_gate_;     // set by Create()
  std::unique_ptr<RateGate> receive_gate_;  // set by Create()
  std::atomic<uint16_t> link_status_ = kNetLinkUp;

  // From Activate() to Reset().
  std::span<Queue> queues_;
  DeviceHost* host_ = nullptr;
  uint64_t features_ = 0;
  bool running_ = false;  // the backend is started
  std::optional<NetHeaderCheck> check_;
  std::optional<NetReceiver::Shared> receive_shared_;
  std::optional<NetSender::Shared> send_shared_;
  std::deque<Pair> pairs_;  // that the driver has used; addresses stay
  uint16_t used_pairs_ = 1;
  uint16_t first_to_send_ = 0;  // when the gate opens
  uint16_t first_to_receive_ = 0;
  Chain command_;
};

}  // namespace mayfly::virtio
