#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace mayfly::vmm::testing {

// A guest's program, put together instruction by instruction: 32-bit code for the entry of PVH.
class GuestCode final {
 public:
  GuestCode& Out8(uint16_t port, uint8_t value);
  GuestCode& Print(std::string_view text);
  // AL = in(port).
  GuestCode& In8(uint16_t port);
  // out(port, AL).
  GuestCode& OutAl(uint16_t port);
  // Ends the VM with AL as its status.
  GuestCode& ExitWithAl();
  GuestCode& Exit(uint8_t status);
  // Waits until `mask` of in(port) has a bit set.
  GuestCode& WaitFor(uint16_t port, uint8_t mask);
  // EAX = the 32-bit register at `address`; the register at `address` = value.
  GuestCode& Load32(uint32_t address);
  GuestCode& Store32(uint32_t address, uint32_t value);
  // for (;;) {}
  GuestCode& Spin();
  // Writes `value` to `port` `count` times, with a string instruction.
  GuestCode& OutString(uint16_t port, size_t count, char value);
  GuestCode& JumpTo(uint32_t address);
  // for (;;) hlt;
  GuestCode& Halt();
  // An exception, and nothing to handle it.
  GuestCode& TripleFault();
  GuestCode& Raw(std::initializer_list<uint8_t> bytes);

  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  GuestCode& SetDx(uint16_t port);
  GuestCode& Dword(uint32_t value);
  std::vector<std::byte> bytes_;
};

}  // namespace mayfly::vmm::testing
