#include "vmm/acpi/aml.h"

#include <charconv>

namespace mayfly::vmm::aml {
namespace {

// ACPI 6.5, 20.3.
enum Opcode : uint8_t {
  kZeroOp = 0x00,
  kOneOp = 0x01,
  kNameOp = 0x08,
  kBytePrefix = 0x0a,
  kWordPrefix = 0x0b,
  kDwordPrefix = 0x0c,
  kStringPrefix = 0x0d,
  kScopeOp = 0x10,
  kBufferOp = 0x11,
  kPackageOp = 0x12,
  kMethodOp = 0x14,
  kExtendedPrefix = 0x5b,
  kDeviceOp = 0x82,  // after kExtendedPrefix
  kNotifyOp = 0x86,
};

// ACPI 6.5, 6.4.2 and 6.4.3.
enum ResourceTag : uint8_t {
  kIoPort = 0x47,
  kEndTag = 0x79,
  kMemory32Fixed = 0x86,
  kExtendedInterrupt = 0x89,
};

void AppendText(Bytes& bytes, std::string_view text) {
  AppendBytes(bytes, std::as_bytes(std::span(text)));
}

void AppendName(Bytes& bytes, std::string_view name) {
  constexpr size_t kSegment = 4;
  if (name.starts_with('\\')) {
    AppendText(bytes, "\\");
    name.remove_prefix(1);
  }
  AppendText(bytes, name);
  for (size_t i = name.size(); i < kSegment; ++i) AppendText(bytes, "_");
}

// PkgLength (ACPI 6.5, 20.2.4) counts itself: one byte up to 63, then the low four bits first and
// whole bytes after.
void AppendPackage(Bytes& bytes, const Bytes& content) {
  constexpr size_t kOneByteLimit = 0x3f;
  constexpr unsigned kLowBits = 4;
  constexpr unsigned kByteBits = 8;
  constexpr unsigned kCountShift = 6;
  if (content.size() + 1 <= kOneByteLimit) {
    Append(bytes, static_cast<uint8_t>(content.size() + 1));
  } else {
    unsigned more = 1;
    while ((content.size() + 1 + more) >> (kLowBits + kByteBits * more) != 0) ++more;
    const size_t length = content.size() + 1 + more;
    Append(bytes, static_cast<uint8_t>(more << kCountShift | (length & ((1U << kLowBits) - 1))));
    for (unsigned i = 0; i < more; ++i) {
      Append(bytes, static_cast<uint8_t>(length >> (kLowBits + kByteBits * i)));
    }
  }
  AppendBytes(bytes, content);
}

Bytes NamedPackage(std::initializer_list<uint8_t> opcode, std::string_view name,
                   const Bytes& terms) {
  Bytes content;
  AppendName(content, name);
  AppendBytes(content, terms);
  Bytes bytes;
  for (const uint8_t byte : opcode) Append(bytes, byte);
  AppendPackage(bytes, content);
  return bytes;
}

}  // namespace

Bytes Scope(std::string_view name, const Bytes& terms) {
  return NamedPackage({kScopeOp}, name, terms);
}

Bytes Device(std::string_view name, const Bytes& terms) {
  return NamedPackage({kExtendedPrefix, kDeviceOp}, name, terms);
}

Bytes Name(std::string_view name, const Bytes& object) {
  Bytes bytes;
  Append(bytes, kNameOp);
  AppendName(bytes, name);
  AppendBytes(bytes, object);
  return bytes;
}

Bytes Method(std::string_view name, uint8_t arguments, const Bytes& terms) {
  constexpr uint8_t kSerialized = 1 << 3;
  Bytes content;
  Append(content, static_cast<uint8_t>(arguments | kSerialized));
  AppendBytes(content, terms);
  return NamedPackage({kMethodOp}, name, content);
}

Bytes Notify(std::string_view name, uint32_t value) {
  Bytes bytes;
  Append(bytes, kNotifyOp);
  AppendName(bytes, name);
  AppendBytes(bytes, Integer(value));
  return bytes;
}

Bytes Integer(uint32_t value) {
  Bytes bytes;
  if (value <= 1) {
    Append(bytes, value == 0 ? kZeroOp : kOneOp);
  } else if (value <= UINT8_MAX) {
    Append(bytes, kBytePrefix);
    Append(bytes, static_cast<uint8_t>(value));
  } else if (value <= UINT16_MAX) {
    Append(bytes, kWordPrefix);
    Append(bytes, static_cast<uint16_t>(value));
  } else {
    Append(bytes, kDwordPrefix);
    Append(bytes, value);
  }
  return bytes;
}

Bytes String(std::string_view text) {
  Bytes bytes;
  Append(bytes, kStringPrefix);
  AppendText(bytes, text);
  Append(bytes, '\0');
  return bytes;
}

Bytes EisaId(std::string_view id) {
  constexpr size_t kLetters = 3;
  constexpr unsigned kLetterBits = 5;
  constexpr int kHexadecimal = 16;
  uint32_t letters = 0;
  for (const char letter : id.substr(0, kLetters)) {
    letters = letters << kLetterBits | static_cast<uint32_t>(letter - 'A' + 1);
  }
  uint16_t product = 0;
  const std::string_view digits = id.substr(kLetters);
  std::from_chars(digits.data(), digits.data() + digits.size(), product, kHexadecimal);
  Bytes bytes;
  Append(bytes, kDwordPrefix);
  Append(bytes, __builtin_bswap32(letters << 16 | product));
  return bytes;
}

Bytes Package(std::initializer_list<Bytes> elements) {
  Bytes content;
  Append(content, static_cast<uint8_t>(elements.size()));
  for (const Bytes& element : elements) AppendBytes(content, element);
  Bytes bytes;
  Append(bytes, kPackageOp);
  AppendPackage(bytes, content);
  return bytes;
}

Bytes ResourceTemplate(std::initializer_list<Bytes> resources) {
  Bytes buffer;
  for (const Bytes& resource : resources) AppendBytes(buffer, resource);
  Append(buffer, kEndTag);
  Append(buffer, uint8_t{0});  // a checksum of zero is taken for right
  Bytes content = Integer(static_cast<uint32_t>(buffer.size()));
  AppendBytes(content, buffer);
  Bytes bytes;
  Append(bytes, kBufferOp);
  AppendPackage(bytes, content);
  return bytes;
}

Bytes Ports(uint16_t begin, uint8_t size) {
  constexpr uint8_t kDecodes16Bits = 1;
  constexpr uint8_t kAlignment = 1;
  Bytes bytes;
  Append(bytes, kIoPort);
  Append(bytes, kDecodes16Bits);
  Append(bytes, begin);  // the lowest and the highest place it could be
  Append(bytes, begin);
  Append(bytes, kAlignment);
  Append(bytes, size);
  return bytes;
}

Bytes Memory(uint32_t begin, uint32_t size) {
  constexpr uint16_t kLength = 9;
  constexpr uint8_t kReadWrite = 1;
  Bytes bytes;
  Append(bytes, kMemory32Fixed);
  Append(bytes, kLength);
  Append(bytes, kReadWrite);
  Append(bytes, begin);
  Append(bytes, size);
  return bytes;
}

Bytes Interrupt(uint32_t gsi) {
  constexpr uint16_t kLength = 6;
  constexpr uint8_t kConsumer = 1 << 0;
  constexpr uint8_t kEdge = 1 << 1;
  constexpr uint8_t kCount = 1;
  Bytes bytes;
  Append(bytes, kExtendedInterrupt);
  Append(bytes, kLength);
  Append(bytes, static_cast<uint8_t>(kConsumer | kEdge));
  Append(bytes, kCount);
  Append(bytes, gsi);
  return bytes;
}

Bytes Concatenate(std::initializer_list<Bytes> terms) {
  Bytes bytes;
  for (const Bytes& term : terms) AppendBytes(bytes, term);
  return bytes;
}

}  // namespace mayfly::vmm::aml
