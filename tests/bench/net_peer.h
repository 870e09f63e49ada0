#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "tests/guests/netbench_protocol.h"

namespace mayfly::bench {

// The partner of the guest netbench, on the host's side of its interface: sends what the guest asks
// for (as netbench_protocol.h has it), as fast as the guest takes it, from a thread of its own.
class NetPeer final {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<NetPeer>> Start(int interface_index);
  NetPeer(const NetPeer&) = delete;
  NetPeer& operator=(const NetPeer&) = delete;
  ~NetPeer();

  // How often a packet, or the word of its arrival, was lost on the way.
  [[nodiscard]] uint64_t losses() const { return losses_.load(); }

  // For Start() only.
  NetPeer(OwnedFd socket, int interface_index);

 private:
  struct Flood;

  void Run();
  // Serves one request to send; returns at the guest's kStop.
  void Serve(const netbench::Frame& start);
  void Answer(const netbench::Frame& ping);
  // False after some time without a word.
  [[nodiscard]] bool Hear(netbench::Frame& frame);
  [[nodiscard]] Flood MakeFlood(const netbench::Frame& start) const;
  // Sends up to `count` packets; returns how many.
  uint32_t Send(const Flood& flood, uint32_t count);

  const OwnedFd socket_;
  const int interface_index_;
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> losses_ = 0;
  std::thread thread_;
};

}  // namespace mayfly::bench
