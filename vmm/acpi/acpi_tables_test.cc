#include "vmm/acpi/acpi_tables.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>

#include "base/file_io.h"
#include "base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kAddress = 0xe0000;
constexpr size_t kHeaderSize = 36;

uint8_t Sum(std::span<const std::byte> bytes) {
  uint8_t sum = 0;
  for (const std::byte byte : bytes)
    sum = static_cast<uint8_t>(sum + std::to_integer<uint8_t>(byte));
  return sum;
}

template <typename T>
T At(std::span<const std::byte> bytes, size_t offset) {
  T value{};
  std::memcpy(&value, bytes.subspan(offset, sizeof value).data(), sizeof value);
  return value;
}

std::span<const std::byte> TableAt(const Bytes& tables, uint64_t address) {
  const auto rest = std::span(tables).subspan(address - kAddress);
  return rest.first(At<uint32_t>(rest, 4));
}

std::string Signature(std::span<const std::byte> table) {
  std::string signature(4, '\0');
  std::memcpy(signature.data(), table.data(), signature.size());
  return signature;
}

// All tables that the RSDP leads to, by signature.
std::map<std::string, std::span<const std::byte>> Walk(const Bytes& tables) {
  std::map<std::string, std::span<const std::byte>> found;
  const auto xsdt = TableAt(tables, At<uint64_t>(tables, 24));
  found[Signature(xsdt)] = xsdt;
  for (size_t at = kHeaderSize; at < xsdt.size(); at += sizeof(uint64_t)) {
    const auto table = TableAt(tables, At<uint64_t>(xsdt, at));
    found[Signature(table)] = table;
  }
  constexpr size_t kXDsdt = 140;
  const auto dsdt = TableAt(tables, At<uint64_t>(found.at("FACP"), kXDsdt));
  found[Signature(dsdt)] = dsdt;
  return found;
}

TEST(AcpiTablesTest, TheRsdpHasBothChecksums) {
  const Bytes tables = BuildAcpiTables(kAddress, 1, 0);
  EXPECT_EQ(std::memcmp(tables.data(), "RSD PTR ", 8), 0);
  EXPECT_EQ(Sum(std::span(tables).first(20)), 0);
  EXPECT_EQ(Sum(std::span(tables).first(36)), 0);
}

TEST(AcpiTablesTest, EveryTableIsFoundAndSumsToZero) {
  const Bytes tables = BuildAcpiTables(kAddress, 4, 3);
  const auto found = Walk(tables);
  for (const char* const signature : {"XSDT", "FACP", "APIC", "DSDT"}) {
    ASSERT_TRUE(found.contains(signature)) << signature;
    EXPECT_EQ(Sum(found.at(signature)), 0) << signature;
  }
}

TEST(AcpiTablesTest, TheFadtIsHardwareReduced) {
  const Bytes tables = BuildAcpiTables(kAddress, 1, 0);
  const auto fadt = Walk(tables).at("FACP");
  ASSERT_EQ(fadt.size(), 276);
  EXPECT_EQ(At<uint32_t>(fadt, 112) >> 20 & 1, 1) << "HW_REDUCED_ACPI";
  EXPECT_EQ(At<uint32_t>(fadt, 112) >> 10 & 1, 1) << "RESET_REG_SUP";
  EXPECT_EQ(At<uint64_t>(fadt, 120), layout::kI8042Command) << "RESET_REG";
  EXPECT_EQ(At<uint8_t>(fadt, 128), 0xfe) << "RESET_VALUE";
  EXPECT_EQ(At<uint8_t>(fadt, 244), 1) << "SLEEP_CONTROL_REG: I/O space";
  EXPECT_EQ(At<uint64_t>(fadt, 248), layout::kSleepControl);
  EXPECT_EQ(At<uint64_t>(fadt, 260), layout::kSleepStatus);
  EXPECT_EQ(At<uint16_t>(fadt, 109) & 2, 0) << "no 8042";
}

TEST(AcpiTablesTest, TheMadtHasEachCpuOnce) {
  constexpr unsigned kCpus = 254;
  const Bytes tables = BuildAcpiTables(kAddress, kCpus, 0);
  const auto madt = Walk(tables).at("APIC");
  std::map<unsigned, unsigned> cpus;
  unsigned ioapics = 0;
  for (size_t at = 44; at < madt.size(); at += At<uint8_t>(madt, at + 1)) {
    const auto type = At<uint8_t>(madt, at);
    if (type == 0) ++cpus[At<uint8_t>(madt, at + 3)];
    if (type == 1) ++ioapics;
  }
  EXPECT_EQ(cpus.size(), kCpus);
  EXPECT_EQ(cpus.rbegin()->first, kCpus - 1);
  EXPECT_EQ(ioapics, 1);
}

TEST(AcpiTablesTest, TheLargestFitIntoTheirPlace) {
  EXPECT_LE(BuildAcpiTables(kAddress, 254, layout::kMaxVirtioDevices).size(), layout::kAcpiSize);
}

// Has ACPICA's compiler take a table apart and put it together again.
class IaslTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v iasl >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "needs iasl, of Debian's package acpica-tools";
    }
    std::string name = ::testing::TempDir() + "/iasl.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  // Runs `command` in the folder; answers its output.
  std::string Run(const std::string& command, int& status) const {
    status = std::system(("cd " + folder_ + " && " + command + " >log 2>&1").c_str());
    const OwnedFd log(::open((folder_ + "/log").c_str(), O_RDONLY | O_CLOEXEC));
    std::string text(*FileSize(log.get()), '\0');
    EXPECT_TRUE(ReadFully(log.get(), 0, std::as_writable_bytes(std::span(text))).ok());
    return text;
  }
  void Write(const std::string& name, std::span<const std::byte> content) const {
    const OwnedFd file(
        ::open((folder_ + "/" + name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_TRUE(WriteFully(file.get(), 0, content).ok());
  }

  std::string folder_;
};

TEST_F(IaslTest, UnderstandsTheDsdt) {
  const Bytes tables = BuildAcpiTables(kAddress, 2, layout::kMaxVirtioDevices);
  Write("dsdt.aml", Walk(tables).at("DSDT"));
  int status = 0;
  std::string output = Run("iasl -d dsdt.aml", status);
  ASSERT_EQ(status, 0) << output;
  output = Run("cat dsdt.dsl", status);
  EXPECT_THAT(output, HasSubstr("EisaId (\"PNP0501\")"));
  EXPECT_THAT(output, HasSubstr("\"LNRO0005\""));
  EXPECT_THAT(output, HasSubstr("0xD0012000,         // Address Base"));
  EXPECT_THAT(output, HasSubstr("Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive"));
  EXPECT_THAT(output, HasSubstr("Name (\\_S5"));
  EXPECT_THAT(output, HasSubstr("\"ACPI0013\""));
  EXPECT_THAT(output, HasSubstr("EisaId (\"PNP0C0C\")"));
  EXPECT_THAT(output, HasSubstr("Method (_EVT, 1, Serialized)"));
  EXPECT_THAT(output, HasSubstr("Notify (PWRB, 0x80)"));
  output = Run("iasl -we dsdt.dsl", status);
  EXPECT_EQ(status, 0) << output;
  EXPECT_THAT(output, HasSubstr("0 Errors, 0 Warnings"));
}

TEST_F(IaslTest, UnderstandsTheOtherTables) {
  const Bytes tables = BuildAcpiTables(kAddress, 2, 1);
  for (const char* const signature : {"FACP", "APIC", "XSDT"}) {
    Write(std::string(signature) + ".aml", Walk(tables).at(signature));
    int status = 0;
    const std::string output = Run(std::string("iasl -d ") + signature + ".aml", status);
    EXPECT_EQ(status, 0) << output;
    EXPECT_THAT(output, ::testing::Not(HasSubstr("rror"))) << signature;
    EXPECT_THAT(output, ::testing::Not(HasSubstr("nvalid"))) << signature;
  }
}

}  // namespace
}  // namespace mayfly::vmm
