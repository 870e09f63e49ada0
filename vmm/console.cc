#include "vmm/console.h"

#include <utility>

#include "base/status.h"

namespace mayfly::vmm {

absl::StatusOr<std::unique_ptr<Console>> Console::Create() {
  MAYFLY_ASSIGN_OR_RETURN(EventFd output_ready, EventFd::Create());
  MAYFLY_ASSIGN_OR_RETURN(EventFd input_room, EventFd::Create());
  return std::make_unique<Console>(Passkey(), std::move(output_ready), std::move(input_room));
}

Console::Output Console::ReadOutput(std::span<std::byte> out) {
  const std::scoped_lock lock(mutex_);
  const size_t bytes = output_.Pop(out);
  if (bytes < out.size()) reader_waits_ = true;
  return {.bytes = bytes, .dropped = std::exchange(dropped_, 0)};
}

uint64_t Console::output_bytes() const {
  const std::scoped_lock lock(mutex_);
  return output_bytes_;
}

size_t Console::WriteInput(std::span<const std::byte> bytes) {
  size_t fitted = 0;
  {
    const std::scoped_lock lock(mutex_);
    fitted = input_.Push(bytes);
    if (fitted < bytes.size()) writer_waits_ = true;
  }
  // Without the lock: the UART takes its own, and ours within it.
  if (fitted != 0 && input_listener_) input_listener_();
  return fitted;
}

void Console::PutOutput(std::byte byte) {
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    if (output_.full()) {
      [[maybe_unused]] const auto oldest = output_.PopOne();
      ++dropped_;
    }
    output_.Push(std::span(&byte, 1));
    ++output_bytes_;
    wake = std::exchange(reader_waits_, false);
  }
  if (wake) output_ready_.Signal();
}

std::optional<std::byte> Console::TakeInput() {
  std::optional<std::byte> byte;
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    byte = input_.PopOne();
    if (writer_waits_ && input_.size() <= kInputCapacity / 2) {
      writer_waits_ = false;
      wake = true;
    }
  }
  if (wake) input_room_.Signal();
  return byte;
}

bool Console::has_input() const {
  const std::scoped_lock lock(mutex_);
  return !input_.empty();
}

void Console::SetInputListener(std::function<void()> listener) {
  input_listener_ = std::move(listener);
}

}  // namespace mayfly::vmm
