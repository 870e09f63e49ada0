#include "vmm/acpi/mp_table.h"

#include <cstring>
#include <map>

#include "gtest/gtest.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

constexpr uint64_t kAddress = 0xf0000;
constexpr size_t kPointerSize = 16;
constexpr size_t kHeaderSize = 44;

uint8_t Sum(std::span<const std::byte> bytes) {
  uint8_t sum = 0;
  for (const std::byte byte : bytes)
    sum = static_cast<uint8_t>(sum + std::to_integer<uint8_t>(byte));
  return sum;
}

uint8_t ByteAt(std::span<const std::byte> bytes, size_t offset) {
  return std::to_integer<uint8_t>(bytes[offset]);
}

uint16_t WordAt(std::span<const std::byte> bytes, size_t offset) {
  uint16_t value = 0;
  std::memcpy(&value, bytes.subspan(offset).data(), sizeof value);
  return value;
}

class MpTableTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(MpTableTest, IsWhatItsHeadersSay) {
  const Bytes bytes = BuildMpTable(kAddress, GetParam());
  const auto pointer = std::span(bytes).first(kPointerSize);
  EXPECT_EQ(std::memcmp(pointer.data(), "_MP_", 4), 0);
  EXPECT_EQ(Sum(pointer), 0);
  uint32_t address = 0;
  std::memcpy(&address, pointer.subspan(4).data(), sizeof address);
  ASSERT_EQ(address, kAddress + kPointerSize);

  const auto table = std::span(bytes).subspan(kPointerSize);
  EXPECT_EQ(std::memcmp(table.data(), "PCMP", 4), 0);
  EXPECT_EQ(WordAt(table, 4), table.size());
  EXPECT_EQ(Sum(table), 0);

  // Entries by type; the processors' take 20 bytes, the others 8.
  std::map<unsigned, unsigned> count;
  unsigned entries = 0;
  unsigned bootstrap = 0;
  for (size_t at = kHeaderSize; at < table.size(); ++entries) {
    const uint8_t type = ByteAt(table, at);
    ++count[type];
    if (type == 0 && (ByteAt(table, at + 3) & 2) != 0) ++bootstrap;
    at += type == 0 ? 20 : 8;
  }
  EXPECT_EQ(WordAt(table, 34), entries);
  EXPECT_EQ(count[0], GetParam()) << "processors";
  EXPECT_EQ(bootstrap, 1);
  EXPECT_EQ(count[1], 1) << "buses";
  EXPECT_EQ(count[2], 1) << "IOAPICs";
  EXPECT_EQ(count[3], layout::kIoapicPins - 1) << "interrupts: all pins but the first";
  EXPECT_EQ(count[4], 2) << "LINT0 and LINT1";
  EXPECT_LE(bytes.size(), layout::kMpTableSize);
}

INSTANTIATE_TEST_SUITE_P(Cpus, MpTableTest, ::testing::Values(1, 2, 64, 254));

}  // namespace
}  // namespace mayfly::vmm
