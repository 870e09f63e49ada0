// Every virtio-blk disk: what it says of itself, and, by words of the command line,
//   verify     reads it all: sector n must hold n, as little-endian 64-bit words
//   write      writes another pattern to all of it, flushes, reads back
//   discard    discards the first eighth of it, makes zeroes of the second, which keeps its space,
//              and of the third, which does not, and reads both back
//   stable     without a flush: each write is to be durable
//   polled     without interrupts
//   plain      without indirect descriptors and event indices

#include "images/unikernel/block.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "images/unikernel/command_line.h"
#include "images/unikernel/console.h"

namespace {

using namespace mayfly::guest;

constexpr size_t kWordsPerSector = BlockDevice::kSectorBytes / sizeof(uint64_t);
constexpr size_t kSectorsPerRequest = 128;
constexpr uint64_t kWritten = 0xa5a5'0000'0000'0000;  // in the upper bits of what `write` writes

class Check final {
 public:
  Check(BlockDevice& disk, size_t index)
      : disk_(disk), index_(index), words_(kSectorsPerRequest * kWordsPerSector) {}

  void Describe() {
    std::array<char, BlockDevice::kIdBytes> id;
    const BlockStatus status = disk_.GetId(id);
    const auto length = static_cast<size_t>(std::ranges::find(id, '\0') - id.begin());
    Print("disk {}: {} sectors, id \"{}\", {}, features {:x}\n", index_, disk_.sectors(),
          std::string_view(id.data(), length), disk_.read_only() ? "ro" : "rw", disk_.features());
    Expect(status, "get-id", 0);
  }

  // Sector n holds n | `pattern`.
  void Verify(uint64_t pattern) {
    for (uint64_t sector = 0; ok_ && sector < disk_.sectors(); sector += kSectorsPerRequest) {
      const std::span<uint64_t> words = Words(sector);
      if (!Expect(disk_.Read(sector, std::as_writable_bytes(words)), "read", sector)) return;
      for (size_t at = 0; at < words.size(); ++at) {
        const uint64_t expected = (sector + at / kWordsPerSector) | pattern;
        if (words[at] == expected) continue;
        Print("disk {}: sector {} holds {:x}, not {:x}\n", index_, sector + at / kWordsPerSector,
              words[at], expected);
        ok_ = false;
        return;
      }
    }
    if (ok_) Print("disk {}: verified\n", index_);
  }

  void Write(uint64_t pattern) {
    for (uint64_t sector = 0; ok_ && sector < disk_.sectors(); sector += kSectorsPerRequest) {
      const std::span<uint64_t> words = Words(sector);
      for (size_t at = 0; at < words.size(); ++at)
        words[at] = (sector + at / kWordsPerSector) | pattern;
      Expect(disk_.Write(sector, std::as_bytes(words)), "write", sector);
    }
    Expect(disk_.Flush(), "flush", 0);
    if (ok_) Print("disk {}: written\n", index_);
  }

  void DiscardAndZero() {
    const uint64_t part = disk_.sectors() / 8;
    const auto sectors = static_cast<uint32_t>(part);
    Expect(disk_.Discard(0, sectors), "discard", 0);
    Expect(disk_.WriteZeroes(part, sectors, BlockSpace::kKept), "write-zeroes", part);
    Expect(disk_.WriteZeroes(2 * part, sectors, BlockSpace::kGivenBack), "write-zeroes", 2 * part);
    for (uint64_t sector = part; ok_ && sector < 3 * part; sector += kSectorsPerRequest) {
      const std::span<uint64_t> words = Words(sector).first(
          std::min<uint64_t>(kSectorsPerRequest, 3 * part - sector) * kWordsPerSector);
      if (!Expect(disk_.Read(sector, std::as_writable_bytes(words)), "read", sector)) return;
      if (std::ranges::all_of(words, [](uint64_t word) { return word == 0; })) continue;
      Print("disk {}: from sector {} on are not all zeroes\n", index_, sector);
      ok_ = false;
    }
    if (ok_) Print("disk {}: discarded\n", index_);
  }

  // A read-only disk must refuse, and say so.
  void ExpectRefusal() {
    const BlockStatus status = disk_.Write(0, std::as_bytes(Words(0)));
    if (status == BlockStatus::kIoError) return;
    Print("disk {}: read-only, but a write ends with status {}\n", index_,
          static_cast<unsigned>(status));
    ok_ = false;
  }

  [[nodiscard]] bool ok() const { return ok_; }

 private:
  // As many words as one request moves from `sector` on.
  std::span<uint64_t> Words(uint64_t sector) {
    const size_t sectors = std::min<uint64_t>(kSectorsPerRequest, disk_.sectors() - sector);
    return std::span(words_).first(sectors * kWordsPerSector);
  }

  bool Expect(BlockStatus status, std::string_view what, uint64_t sector) {
    if (status == BlockStatus::kOk) return true;
    Print("disk {}: {} at sector {} ends with status {}\n", index_, what, sector,
          static_cast<unsigned>(status));
    ok_ = false;
    return false;
  }

  BlockDevice& disk_;
  size_t index_;
  std::vector<uint64_t> words_;
  bool ok_ = true;
};

}  // namespace

int main() {
  BlockOptions options;
  if (HasOption("polled")) options.completion = BlockCompletion::kPolled;
  if (HasOption("plain")) options.features = BlockOptions::kFlush;
  if (HasOption("stable")) options.features &= ~BlockOptions::kFlush;
  if (HasOption("discard")) {
    options.features |= BlockOptions::kDiscard | BlockOptions::kWriteZeroes;
  }
  const std::vector<std::unique_ptr<BlockDevice>> disks = BlockDevice::FindAll(options);
  Print("{} disks\n", disks.size());
  bool ok = true;
  for (size_t index = 0; index < disks.size(); ++index) {
    Check check(*disks[index], index);
    check.Describe();
    if (HasOption("verify")) check.Verify(0);
    if (HasOption("write") && disks[index]->read_only()) check.ExpectRefusal();
    if (HasOption("write") && !disks[index]->read_only()) {
      check.Write(kWritten);
      check.Verify(kWritten);
    }
    if (HasOption("discard")) check.DiscardAndZero();
    ok = ok && check.ok();
  }
  return ok ? 0 : 1;
}
