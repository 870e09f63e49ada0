#include "vmm/testing/guest_code.h"

#include "vmm/layout.h"

namespace mayfly::vmm::testing {

GuestCode& GuestCode::Raw(std::initializer_list<uint8_t> bytes) {
  for (const uint8_t byte : bytes) bytes_.push_back(std::byte{byte});
  return *this;
}

GuestCode& GuestCode::Dword(uint32_t value) {
  for (int i = 0; i < 4; ++i, value >>= 8) Raw({static_cast<uint8_t>(value & 0xff)});
  return *this;
}

// mov dx, port
GuestCode& GuestCode::SetDx(uint16_t port) {
  return Raw({0x66, 0xba, static_cast<uint8_t>(port & 0xff), static_cast<uint8_t>(port >> 8)});
}

// mov al, value; out dx, al
GuestCode& GuestCode::Out8(uint16_t port, uint8_t value) {
  return SetDx(port).Raw({0xb0, value, 0xee});
}

GuestCode& GuestCode::Print(std::string_view text) {
  for (const char character : text) Out8(layout::kSerial, static_cast<uint8_t>(character));
  return *this;
}

// in al, dx
GuestCode& GuestCode::In8(uint16_t port) { return SetDx(port).Raw({0xec}); }

GuestCode& GuestCode::OutAl(uint16_t port) { return SetDx(port).Raw({0xee}); }

GuestCode& GuestCode::ExitWithAl() { return OutAl(layout::kExit).Halt(); }

GuestCode& GuestCode::Exit(uint8_t status) { return Out8(layout::kExit, status).Halt(); }

// again: in al, dx; test al, mask; jz again
GuestCode& GuestCode::WaitFor(uint16_t port, uint8_t mask) {
  return SetDx(port).Raw({0xec, 0xa8, mask, 0x74, 0xfb});
}

// mov eax, [address]
GuestCode& GuestCode::Load32(uint32_t address) { return Raw({0xa1}).Dword(address); }

// mov dword [address], value
GuestCode& GuestCode::Store32(uint32_t address, uint32_t value) {
  return Raw({0xc7, 0x05}).Dword(address).Dword(value);
}

// again: jmp again
GuestCode& GuestCode::Spin() { return Raw({0xeb, 0xfe}); }

// mov al, value; mov edi, buffer; mov ecx, count; rep stosb; mov esi, buffer; mov ecx, count; rep
// outsb
GuestCode& GuestCode::OutString(uint16_t port, size_t count, char value) {
  constexpr uint32_t kBuffer = 0x200000;
  const auto bytes = static_cast<uint32_t>(count);
  Raw({0xfc, 0xb0, static_cast<uint8_t>(value), 0xbf}).Dword(kBuffer);
  Raw({0xb9}).Dword(bytes).Raw({0xf3, 0xaa});
  SetDx(port).Raw({0xbe}).Dword(kBuffer).Raw({0xb9}).Dword(bytes);
  return Raw({0xf3, 0x6e});
}

// mov eax, address; jmp eax
GuestCode& GuestCode::JumpTo(uint32_t address) {
  return Raw({0xb8}).Dword(address).Raw({0xff, 0xe0});
}

// again: hlt; jmp again
GuestCode& GuestCode::Halt() { return Raw({0xf4, 0xeb, 0xfd}); }

// ud2
GuestCode& GuestCode::TripleFault() { return Raw({0x0f, 0x0b}); }

}  // namespace mayfly::vmm::testing
