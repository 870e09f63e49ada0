#include "images/unikernel/console.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "images/unikernel/interrupts.h"
#include "images/unikernel/io.h"

namespace mayfly::guest {
namespace {

// 16550A, first serial port.
constexpr uint16_t kData = 0x3f8;
constexpr uint16_t kInterruptEnable = 0x3f9;
constexpr uint16_t kFifoControl = 0x3fa;
constexpr uint16_t kModemControl = 0x3fc;
constexpr uint16_t kLineStatus = 0x3fd;
constexpr unsigned kGsi = 4;

constexpr uint8_t kDataAvailable = 1 << 0;     // interrupt enable, line status
constexpr uint8_t kTransmitterEmpty = 1 << 5;  // line status
constexpr uint8_t kFifoEnable = 1 << 0;
// DTR, RTS, and OUT2, which connects the interrupt line on a PC.
constexpr uint8_t kModemReady = 0x0b;
constexpr size_t kFifoBytes = 16;

// Bytes that the interrupt handler has taken from the UART and nobody has read yet. Indices only
// grow.
class InputRing final {
 public:
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] bool full() const { return end_ - begin_ == bytes_.size(); }
  void Push(char byte) { bytes_[end_++ % bytes_.size()] = byte; }
  [[nodiscard]] char Pop() { return bytes_[begin_++ % bytes_.size()]; }

 private:
  std::array<char, 256> bytes_{};
  size_t begin_ = 0;
  size_t end_ = 0;
};

InputRing input;
bool fifo_ready = false;
bool input_ready = false;

// Takes what the UART has, as far as there is room. What stays there raises no further edge: the
// reader takes it.
void DrainUart() {
  while (!input.full() && (ReadPort8(kLineStatus) & kDataAvailable) != 0) {
    input.Push(static_cast<char>(ReadPort8(kData)));
  }
}

void PrepareFifo() {
  DrainUart();  // switching the FIFO on discards what came before
  WritePort8(kFifoControl, kFifoEnable);
  fifo_ready = true;
}

void PrepareInput() {
  if (!fifo_ready) PrepareFifo();
  HandleGsi(kGsi, [](void*) { DrainUart(); });
  WritePort8(kModemControl, kModemReady);
  WritePort8(kInterruptEnable, kDataAvailable);
  input_ready = true;
}

}  // namespace

void Write(std::string_view text) {
  if (!fifo_ready) PrepareFifo();
  while (!text.empty()) {
    while ((ReadPort8(kLineStatus) & kTransmitterEmpty) == 0) asm volatile("pause");
    // An empty transmitter takes a whole FIFO: one exit to the host instead of one per byte.
    size_t count = std::min(text.size(), kFifoBytes);
    const char* bytes = text.data();
    text.remove_prefix(count);
    asm volatile("rep outsb" : "+S"(bytes), "+c"(count) : "d"(kData) : "memory");
  }
}

char ReadByte() {
  const InterruptMask mask;  // or a byte could come between the look at the ring and the wait
  if (!input_ready) PrepareInput();
  if (input.empty()) DrainUart();
  while (input.empty()) WaitForInterrupt();
  return input.Pop();
}

std::string_view ReadLine(std::span<char> buffer) {
  size_t used = 0;
  for (char byte = ReadByte(); byte != '\n'; byte = ReadByte()) {
    if (used < buffer.size()) buffer[used++] = byte;
  }
  if (used > 0 && buffer[used - 1] == '\r') --used;
  return {buffer.data(), used};
}

}  // namespace mayfly::guest
