#include "vmm/devices/serial.h"

#include <utility>

namespace mayfly::vmm {
namespace {

// PC16550D, section 8: registers by offset. With the divisor latch bit set, 0 and 1 are the
// divisor.
enum Register : uint64_t {
  kData = 0,  // receiver buffer, transmitter holding
  kInterruptEnable = 1,
  kInterruptIdentity = 2,  // written: FIFO control
  kLineControl = 3,
  kModemControl = 4,
  kLineStatus = 5,
  kModemStatus = 6,
  kScratch = 7,
};

enum InterruptEnable : uint8_t {
  kEnableReceived = 1 << 0,
  kEnableTransmitterEmpty = 1 << 1,
  kEnableMask = 0x0f,
};

enum InterruptIdentity : uint8_t {
  kNoInterrupt = 0x01,
  kCauseTransmitterEmpty = 0x02,
  kCauseReceived = 0x04,
  kFifosEnabled = 0xc0,
};

enum FifoControl : uint8_t { kFifoEnable = 1 << 0, kFifoClearReceiver = 1 << 1 };

enum LineControl : uint8_t {
  kEightBits = 0x03,
  kDivisorLatch = 1 << 7,
};

enum ModemControl : uint8_t {
  kDataTerminalReady = 1 << 0,
  kRequestToSend = 1 << 1,
  kOut1 = 1 << 2,
  kOut2 = 1 << 3,
  kLoopback = 1 << 4,
  kModemControlMask = 0x1f,
};

enum LineStatus : uint8_t {
  kDataReady = 1 << 0,
  kTransmitterHoldingEmpty = 1 << 5,
  kTransmitterEmpty = 1 << 6,
};

enum ModemStatus : uint8_t {
  kClearToSend = 1 << 4,
  kDataSetReady = 1 << 5,
  kRingIndicator = 1 << 6,
  kCarrierDetect = 1 << 7,
};

constexpr uint8_t kDivisor9600Baud = 12;
constexpr size_t kLoopbackDepth = 16;  // the FIFO of a 16550A
// Linux reads three bytes blindly before it enables the interrupt. A guest that reads more than
// this means it.
constexpr size_t kSetAsideDepth = 8;

}  // namespace

Serial::Serial(Console& console, Timeline& timeline, std::function<void(IrqLevel)> interrupt)
    : console_(console),
      timeline_(timeline),
      interrupt_(std::move(interrupt)),
      line_control_(kEightBits),
      modem_control_(kOut2),
      divisor_low_(kDivisor9600Baud),
      loopback_(kLoopbackDepth),
      set_aside_(kSetAsideDepth) {}

void Serial::OnInput() {
  const std::scoped_lock lock(mutex_);
  UpdateInterrupt();
}

bool Serial::divisor_latch() const { return (line_control_ & kDivisorLatch) != 0; }

bool Serial::loopback() const { return (modem_control_ & kLoopback) != 0; }

bool Serial::received() const {
  if (loopback() || !loopback_.empty()) return !loopback_.empty();
  return (!setting_up_ && !set_aside_.empty()) || console_.has_input();
}

uint8_t Serial::ReadByte(uint64_t offset) {
  const std::scoped_lock lock(mutex_);
  switch (offset) {
    case kData:
      return divisor_latch() ? divisor_low_ : Receive();
    case kInterruptEnable:
      return divisor_latch() ? divisor_high_ : interrupt_enable_;
    case kInterruptIdentity:
      return IdentifyInterrupt();
    case kLineControl:
      return line_control_;
    case kModemControl:
      return modem_control_;
    case kLineStatus:
      return LineStatus();
    case kModemStatus:
      return ModemStatus();
    case kScratch:
      return scratch_;
    default:
      return 0;
  }
}

void Serial::WriteByte(uint64_t offset, uint8_t value) {
  const std::scoped_lock lock(mutex_);
  switch (offset) {
    case kData:
      if (divisor_latch()) {
        divisor_low_ = value;
      } else {
        Transmit(value);
      }
      break;
    case kInterruptEnable:
      if (divisor_latch()) {
        divisor_high_ = value;
      } else {
        EnableInterrupts(value);
      }
      break;
    case kInterruptIdentity:
      ControlFifo(value);
      break;
    case kLineControl:
      line_control_ = value;
      break;
    case kModemControl:
      modem_control_ = value & kModemControlMask;
      UpdateInterrupt();
      break;
    case kScratch:
      scratch_ = value;
      break;
    default:
      break;  // the status registers are read-only
  }
}

uint8_t Serial::Receive() {
  auto byte = loopback_.PopOne();
  if (!byte && !loopback()) byte = TakeInput();
  UpdateInterrupt();
  return byte ? std::to_integer<uint8_t>(*byte) : 0;
}

std::optional<std::byte> Serial::TakeInput() {
  if (!setting_up_) {
    if (const auto byte = set_aside_.PopOne()) return byte;
    return console_.TakeInput();
  }
  const auto byte = console_.TakeInput();
  if (!byte) return byte;
  if (set_aside_.full()) {
    setting_up_ = false;
    while (set_aside_.PopOne()) {
    }
  } else {
    set_aside_.Push(std::span(&*byte, 1));
  }
  return byte;
}

void Serial::Transmit(uint8_t value) {
  const std::byte byte{value};
  if (loopback()) {
    loopback_.Push(std::span(&byte, 1));
  } else {
    if (!std::exchange(first_byte_seen_, true)) timeline_.Record(TimelineStep::kFirstConsoleByte);
    console_.PutOutput(byte);
  }
  // The byte is gone at once, so the holding register is empty again.
  transmitter_empty_pending_ = true;
  UpdateInterrupt();
}

uint8_t Serial::LineStatus() const {
  return static_cast<uint8_t>(kTransmitterHoldingEmpty | kTransmitterEmpty |
                              (received() ? kDataReady : 0));
}

uint8_t Serial::ModemStatus() const {
  // A terminal that is always there. In loopback the outputs come back as inputs.
  if (!loopback()) return kClearToSend | kDataSetReady | kCarrierDetect;
  uint8_t status = 0;
  if ((modem_control_ & kRequestToSend) != 0) status |= kClearToSend;
  if ((modem_control_ & kDataTerminalReady) != 0) status |= kDataSetReady;
  if ((modem_control_ & kOut1) != 0) status |= kRingIndicator;
  if ((modem_control_ & kOut2) != 0) status |= kCarrierDetect;
  return status;
}

uint8_t Serial::PendingCause() const {
  if ((interrupt_enable_ & kEnableReceived) != 0 && received()) return kCauseReceived;
  if ((interrupt_enable_ & kEnableTransmitterEmpty) != 0 && transmitter_empty_pending_) {
    return kCauseTransmitterEmpty;
  }
  return kNoInterrupt;
}

uint8_t Serial::IdentifyInterrupt() {
  const uint8_t cause = PendingCause();
  // Reading this cause is what acknowledges it.
  if (cause == kCauseTransmitterEmpty) transmitter_empty_pending_ = false;
  UpdateInterrupt();
  return static_cast<uint8_t>(cause | (fifo_enabled_ ? kFifosEnabled : 0));
}

void Serial::EnableInterrupts(uint8_t value) {
  const bool was_enabled = (interrupt_enable_ & kEnableTransmitterEmpty) != 0;
  interrupt_enable_ = value & kEnableMask;
  if ((value & kEnableReceived) != 0) setting_up_ = false;
  // Enabling it while the transmitter is empty raises it: drivers start sending that way, and probe
  // for it.
  if (!was_enabled && (value & kEnableTransmitterEmpty) != 0) transmitter_empty_pending_ = true;
  UpdateInterrupt();
}

void Serial::ControlFifo(uint8_t value) {
  fifo_enabled_ = (value & kFifoEnable) != 0;
  if ((value & kFifoClearReceiver) == 0) return;
  // Only what the UART itself holds: input that the host has queued has not arrived yet, and a
  // driver that clears its FIFOs when it opens the port must not lose it.
  while (loopback_.PopOne()) {
  }
  setting_up_ = (interrupt_enable_ & kEnableReceived) == 0;
  UpdateInterrupt();
}

void Serial::UpdateInterrupt() {
  const IrqLevel level = PendingCause() == kNoInterrupt ? IrqLevel::kLow : IrqLevel::kHigh;
  if (level != std::exchange(level_, level)) interrupt_(level);
}

}  // namespace mayfly::vmm
