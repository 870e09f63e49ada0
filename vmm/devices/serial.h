#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "base/timeline.h"
#include "vmm/console.h"
#include "vmm/devices/byte_registers.h"
#include "vmm/kvm/irq_level.h"

namespace mayfly::vmm {

// A 16550A UART (National Semiconductor PC16550D data sheet) between the guest and a Console.
//
// It is infinitely fast: the transmitter is always empty, the baud rate is remembered but means
// nothing. Its receive FIFO is the console's queue of input, so nothing is ever overrun. The
// interrupt is not gated by OUT2, as it would be on a PC: tiny guests forget about it, and nobody
// else shares the line.
//
// Input may be there before the guest is. Drivers clear the receive FIFO while they set the port
// up, which we ignore, and then read from it without looking at what they read, to have it empty
// for certain (Linux' serial8250_do_startup): such bytes are given back when the driver enables the
// interrupt.
class Serial final : public ByteRegisters {
 public:
  static constexpr uint64_t kSize = 8;  // ports

  // `interrupt` gets each change of the interrupt line. `console` and `timeline` outlive the
  // device.
  Serial(Console& console, Timeline& timeline, std::function<void(IrqLevel)> interrupt);

  // Input has come: any thread.
  void OnInput();

 private:
  [[nodiscard]] uint8_t ReadByte(uint64_t offset) override;
  void WriteByte(uint64_t offset, uint8_t value) override;

  // All with mutex_ held.
  [[nodiscard]] bool divisor_latch() const;
  [[nodiscard]] bool loopback() const;
  [[nodiscard]] bool received() const;
  [[nodiscard]] uint8_t Receive();
  [[nodiscard]] std::optional<std::byte> TakeInput();
  void Transmit(uint8_t value);
  [[nodiscard]] uint8_t LineStatus() const;
  [[nodiscard]] uint8_t ModemStatus() const;
  // The cause of the interrupt with the highest priority.
  [[nodiscard]] uint8_t PendingCause() const;
  [[nodiscard]] uint8_t IdentifyInterrupt();
  void EnableInterrupts(uint8_t value);
  void ControlFifo(uint8_t value);
  void UpdateInterrupt();

  Console& console_;
  Timeline& timeline_;
  const std::function<void(IrqLevel)> interrupt_;

  std::mutex mutex_;  // guards all below
  uint8_t interrupt_enable_ = 0;
  uint8_t line_control_;
  uint8_t modem_control_;
  uint8_t scratch_ = 0;
  uint8_t divisor_low_;
  uint8_t divisor_high_ = 0;
  bool fifo_enabled_ = false;
  bool transmitter_empty_pending_ = false;
  bool first_byte_seen_ = false;
  IrqLevel level_ = IrqLevel::kLow;
  ByteRing loopback_;
  bool setting_up_ = false;  // since the receive FIFO was cleared
  ByteRing set_aside_;       // what was read meanwhile
};

}  // namespace mayfly::vmm
