// Measures the first virtio-blk disk, by words of the command line:
//   cases=NAME,...  of those below, in that order; all of them where none are given
//   ms=N            how long each case lasts (500)
//   polled          without interrupts
//
// A case begins with "begin NAME" on the console and ends with one line of names and values:
//   result NAME operations=.. nanoseconds=.. iops=.. mbps=.. kicks=.. interrupts=..
// Kicks and interrupts are per 1000 operations. In between nothing is printed, and around both
// lines the guest rests, so that the host can tell what the case cost it.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "images/unikernel/block.h"
#include "images/unikernel/clock.h"
#include "images/unikernel/command_line.h"
#include "images/unikernel/console.h"
#include "images/unikernel/timer.h"

namespace {

using namespace mayfly::guest;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

enum class Pattern { kRandom, kSequential };

struct Case {
  std::string_view name;
  BlockOperation operation;
  Pattern pattern;
  size_t bytes;
  size_t depth;
};

constexpr size_t kKiB = 1024;
constexpr std::array kCases = {
    Case{"randread-4k-1", BlockOperation::kRead, Pattern::kRandom, 4 * kKiB, 1},
    Case{"randread-4k-32", BlockOperation::kRead, Pattern::kRandom, 4 * kKiB, 32},
    Case{"randwrite-4k-1", BlockOperation::kWrite, Pattern::kRandom, 4 * kKiB, 1},
    Case{"randwrite-4k-32", BlockOperation::kWrite, Pattern::kRandom, 4 * kKiB, 32},
    Case{"seqread-128k-8", BlockOperation::kRead, Pattern::kSequential, 128 * kKiB, 8},
    Case{"seqwrite-128k-8", BlockOperation::kWrite, Pattern::kSequential, 128 * kKiB, 8},
};
constexpr size_t kBufferAlignment = 4 * kKiB;  // what O_DIRECT on the host asks for at most
constexpr uint64_t kDefaultMilliseconds = 500;
constexpr milliseconds kWarmUp{20};  // page faults on both sides, caches, the host's buffers
constexpr milliseconds kRest{20};

// As many requests as are in flight, each with a buffer of its own.
class Load final {
 public:
  Load(BlockDevice& disk, const Case& what)
      : disk_(disk),
        what_(what),
        memory_(what.depth * what.bytes + kBufferAlignment, std::byte{0x5a}),
        requests_(what.depth),
        places_(disk.sectors() * BlockDevice::kSectorBytes / what.bytes) {
    const auto begin = reinterpret_cast<uintptr_t>(memory_.data());
    const size_t skip = (kBufferAlignment - begin % kBufferAlignment) % kBufferAlignment;
    for (size_t i = 0; i < what.depth; ++i) {
      requests_[i].operation = what.operation;
      requests_[i].data = std::span(memory_).subspan(skip + i * what.bytes, what.bytes);
    }
  }

  // Keeps the disk busy for that long and until all is complete. Returns how many operations it
  // did; nothing after an error.
  std::optional<uint64_t> RunFor(nanoseconds duration) {
    const nanoseconds end = Now() + duration;
    for (BlockRequest& request : requests_) Begin(request);
    disk_.Kick();
    uint64_t done = 0;
    size_t pending = requests_.size();
    while (pending != 0) {
      disk_.WaitForAny();
      const bool more = Now() < end;
      for (BlockRequest& request : requests_) {
        if (!active(request) || request.status == BlockStatus::kPending) continue;
        if (request.status != BlockStatus::kOk) return std::nullopt;
        ++done;
        if (more) {
          Begin(request);
        } else {
          request.sector = kIdle;
          --pending;
        }
      }
      if (more) disk_.Kick();
    }
    return done;
  }

 private:
  static constexpr uint64_t kIdle = UINT64_MAX;
  static bool active(const BlockRequest& request) { return request.sector != kIdle; }

  void Begin(BlockRequest& request) {
    request.sector = NextPlace() * (what_.bytes / BlockDevice::kSectorBytes);
    // There is room: a queue takes more requests than any case has in flight.
    if (!disk_.Enqueue(request)) request.status = BlockStatus::kIoError;
  }

  uint64_t NextPlace() {
    if (what_.pattern == Pattern::kSequential) return next_++ % places_;
    random_ ^= random_ << 13;  // xorshift64 (Marsaglia 2003)
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_ % places_;
  }

  BlockDevice& disk_;
  const Case& what_;
  std::vector<std::byte> memory_;
  std::vector<BlockRequest> requests_;
  uint64_t places_;
  uint64_t next_ = 0;
  uint64_t random_ = 0x9e3779b97f4a7c15;
};

bool Measure(BlockDevice& disk, const Case& what, nanoseconds duration) {
  Load load(disk, what);
  bool good = load.RunFor(kWarmUp).has_value();
  Print("begin {}\n", what.name);
  Sleep(kRest);
  const uint64_t kicks_before = disk.kicks();
  const uint64_t interrupts_before = disk.interrupts();
  const nanoseconds begin = Now();
  const std::optional<uint64_t> done = good ? load.RunFor(duration) : std::nullopt;
  const auto took = static_cast<uint64_t>((Now() - begin).count());
  if (!done || *done == 0) {
    Print("failed {}\n", what.name);
    return false;
  }
  constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
  constexpr uint64_t kPer = 1000;
  const uint64_t microseconds = std::max<uint64_t>(took / 1000, 1);
  Print("result {} operations={} nanoseconds={} iops={} mbps={} kicks={} interrupts={}\n",
        what.name, *done, took, *done * kNanosecondsPerSecond / took,
        *done * what.bytes / microseconds, (disk.kicks() - kicks_before) * kPer / *done,
        (disk.interrupts() - interrupts_before) * kPer / *done);
  Sleep(kRest);
  return true;
}

const Case* Find(std::string_view name) {
  const auto* const found = std::ranges::find(kCases, name, &Case::name);
  return found == kCases.end() ? nullptr : found;
}

bool MeasureNamed(BlockDevice& disk, std::string_view names, nanoseconds duration) {
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    const Case* const what = Find(name);
    if (what == nullptr) {
      Print("there is no case {}\n", name);
      return false;
    }
    if (!Measure(disk, *what, duration)) return false;
  }
  return true;
}

}  // namespace

int main() {
  BlockOptions options;
  if (HasOption("polled")) options.completion = BlockCompletion::kPolled;
  const std::vector<std::unique_ptr<BlockDevice>> disks = BlockDevice::FindAll(options);
  if (disks.empty() || disks[0]->sectors() * BlockDevice::kSectorBytes < kCases.back().bytes) {
    Print("there is no disk, or too small a one\n");
    return 1;
  }
  BlockDevice& disk = *disks[0];
  const nanoseconds duration =
      milliseconds(ParseNumber(OptionValue("ms").value_or("")).value_or(kDefaultMilliseconds));
  if (const auto names = OptionValue("cases")) {
    return MeasureNamed(disk, *names, duration) ? 0 : 1;
  }
  for (const Case& what : kCases) {
    if (!Measure(disk, what, duration)) return 1;
  }
  return 0;
}
