#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "base/event_fd.h"
#include "vmm/byte_ring.h"

namespace mayfly::vmm {

// The host's side of the serial port: two bounded queues of bytes between the guest's UART and one
// host reader and writer.
//
// Output never stops the guest: when the host does not read, the oldest bytes give way, and their
// number is told with the next read. Input never grows: the writer is told how much fitted, and
// when there is room again.
//
// Threading: all functions are thread-safe. The guest's side runs on vCPU threads, the host's side
// on any one thread.
class Console final {
  class Passkey {
    friend class Console;
    Passkey() = default;
  };

 public:
  // Bytes. Also what a late reader can still see, and most of what a flooding guest can make this
  // process hold.
  static constexpr size_t kOutputCapacity = size_t{256} << 10;
  static constexpr size_t kInputCapacity = size_t{64} << 10;

  Console(Passkey, EventFd output_ready, EventFd input_room)
      : output_ready_(std::move(output_ready)), input_room_(std::move(input_room)) {}

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Console>> Create();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console() = default;

  // --- The host's side.
  struct Output {
    size_t bytes = 0;      // copied
    uint64_t dropped = 0;  // lost before the first of them, since the last read
  };
  // Takes up to `out.size()` bytes of the guest's output.
  [[nodiscard]] Output ReadOutput(std::span<std::byte> out);
  // How many bytes the guest has written, lost ones included.
  [[nodiscard]] uint64_t output_bytes() const;
  // Signalled when output comes after ReadOutput() has found less than it had room for (and for the
  // first output).
  [[nodiscard]] const EventFd& output_ready() const { return output_ready_; }
  // Queues input for the guest; answers how many bytes fitted.
  [[nodiscard]] size_t WriteInput(std::span<const std::byte> bytes);
  // Signalled when half of the queue is free again after a WriteInput() that did not fit whole.
  [[nodiscard]] const EventFd& input_room() const { return input_room_; }

  // --- The guest's side: the UART.
  void PutOutput(std::byte byte);
  [[nodiscard]] std::optional<std::byte> TakeInput();
  [[nodiscard]] bool has_input() const;
  // Called on the thread of WriteInput() when input has come. Set once, before the guest runs.
  void SetInputListener(std::function<void()> listener);

 private:
  EventFd output_ready_;
  EventFd input_room_;
  std::function<void()> input_listener_;

  mutable std::mutex mutex_;
  ByteRing output_{kOutputCapacity};  // these are guarded by mutex_
  ByteRing input_{kInputCapacity};
  uint64_t dropped_ = 0;
  uint64_t output_bytes_ = 0;
  bool reader_waits_ = true;
  bool writer_waits_ = false;
};

}  // namespace mayfly::vmm
