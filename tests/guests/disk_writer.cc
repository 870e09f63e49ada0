// Writes to the first disk, batch after batch, with a flush behind each, and says "flushed N" when
// the Nth batch is safe; for ever, unless "batches=N" on the command line says how many. "round=N"
// tells one life of the disk from the next. What is written: disk_writer_schedule.h.

#include "tests/guests/disk_writer_schedule.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "images/unikernel/block.h"
#include "images/unikernel/command_line.h"
#include "images/unikernel/console.h"

namespace {

using namespace mayfly::guest;
using mayfly::testing::kMostSectorsPerWrite;
using mayfly::testing::kSectorWords;
using mayfly::testing::kWritesPerBatch;
using mayfly::testing::ScheduledWrite;
using mayfly::testing::SectorWord;
using mayfly::testing::WriteOf;

uint64_t NumberOption(std::string_view name, uint64_t otherwise) {
  const auto text = OptionValue(name);
  return text ? ParseNumber(*text).value_or(otherwise) : otherwise;
}

class Writer final {
 public:
  Writer(BlockDevice& disk, uint64_t round)
      : disk_(disk), round_(round), words_(kWritesPerBatch * kWordsPerWrite) {}

  bool WriteBatch(uint64_t batch) {
    std::array<BlockRequest, kWritesPerBatch> requests;
    for (uint64_t index = 0; index < kWritesPerBatch; ++index) {
      Prepare(requests[index], batch, index);
      if (!disk_.Submit(requests[index])) return false;
    }
    bool good = true;
    for (BlockRequest& request : requests) {
      disk_.Wait(request);
      good = good && request.status == BlockStatus::kOk;
    }
    return good && disk_.Flush() == BlockStatus::kOk;
  }

 private:
  static constexpr uint64_t kWordsPerWrite = kMostSectorsPerWrite * kSectorWords;

  void Prepare(BlockRequest& request, uint64_t batch, uint64_t index) {
    const ScheduledWrite write = WriteOf(round_, batch, index, disk_.sectors());
    const std::span<uint64_t> words =
        std::span(words_).subspan(index * kWordsPerWrite, write.sectors * kSectorWords);
    for (uint64_t at = 0; at < write.sectors; ++at) {
      const uint64_t sector = write.sector + at;
      std::ranges::fill(words.subspan(at * kSectorWords, kSectorWords),
                        SectorWord(round_, batch, sector));
    }
    request.operation = BlockOperation::kWrite;
    request.sector = write.sector;
    request.data = std::as_writable_bytes(words);
  }

  BlockDevice& disk_;
  uint64_t round_;
  std::vector<uint64_t> words_;
};

}  // namespace

int main() {
  const std::vector<std::unique_ptr<BlockDevice>> disks = BlockDevice::FindAll();
  if (disks.empty()) return 1;
  Writer writer(*disks[0], NumberOption("round", 1));
  const uint64_t batches = NumberOption("batches", ~uint64_t{0});
  for (uint64_t batch = 1; batch <= batches; ++batch) {
    if (!writer.WriteBatch(batch)) {
      Print("batch {} failed\n", batch);
      return 1;
    }
    Print("flushed {}\n", batch);
  }
  return 0;
}
