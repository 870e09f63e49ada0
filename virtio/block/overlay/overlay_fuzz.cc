// A file overlay against a flat model: reads, writes, discards, zeroes and flushes, completed in
// any order, some failing, under a cap or none; and every end: a clean one, a killed process with
// requests on their way, a power failure that leaves any sectors of what was not flushed. Every
// sector reads back as it was flushed, or as something that it was told to hold since.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/checked.h"
#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"
#include "virtio/block/overlay/overlay_disk.h"
#include "virtio/block/overlay/overlay_upper.h"
#include "virtio/block/overlay/testing/sector_model.h"
#include "virtio/block/overlay/testing/volatile_disk.h"

namespace mayfly::virtio {
namespace {

constexpr uint64_t kCapacity = SectorModel::kCapacity;
constexpr uint64_t kSectors = SectorModel::kSectors;
constexpr uint64_t kMostSectors = 24;  // of a request
constexpr size_t kMostInFlight = 8;
constexpr BaseIdentity kBase = {.capacity = kCapacity, .modified = 1, .sample = 2};

enum class Action : uint8_t {
  kWrite,
  kRead,
  kFlush,
  kDiscard,
  kWriteZeroes,
  kComplete,
  kClose,
  kKill,
  kLosePower,
  kFail,
  kCount,
};

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

using Tag = SectorModel::Tag;

struct Request final : BlockCompletion {
  void OnCompleted(BlockRequest& /*request*/, int result) override { error = result; }
  void OnBatchCompleted() override {}

  BlockRequest block;
  std::vector<std::byte> data;
  std::array<iovec, 2> pieces{};
  uint64_t begin = 0;
  uint64_t end = 0;
  Tag tag = SectorModel::kZeroTag;
  std::optional<int> error;
};

class Fuzz final {
 public:
  explicit Fuzz(ByteSource input) : input_(input) {
    const uint8_t options = input_.Take<uint8_t>();
    completion_ =
        (options & 1U) != 0 ? VolatileDisk::Completion::kLater : VolatileDisk::Completion::kInline;
    in_memory_ = (options & 2U) != 0;
    if ((options & 4U) != 0) cap_ = input_.Take<uint8_t>() * kOverlayPage;
    can_discard_ = (options & 8U) == 0;
    for (uint64_t sector = 0; sector < kSectors; ++sector) {
      base_image_.Write(SectorModel::OffsetOf(sector),
                        SectorModel::ContentOf(sector, SectorModel::kBaseTag));
    }
    Open();
  }

  void Run() {
    while (!input_.empty()) Step();
    Close();
    CheckAll();
  }

 private:
  void Open() {
    OverlayContents contents = in_memory_ ? InMemory() : FromFile();
    auto base =
        std::make_unique<VolatileDisk>(base_image_, kCapacity, BlockAccess::kReadOnly, completion_);
    auto upper = std::make_unique<VolatileDisk>(image_, contents.layout.size(),
                                                BlockAccess::kReadWrite, completion_);
    if (!can_discard_) upper->SetDiscardGranularity(0);
    base_ = base.get();
    upper_ = upper.get();
    disk_ =
        std::make_unique<OverlayDisk>(std::move(base), std::move(upper), std::move(contents), cap_);
    // A page of the map of which a part was lost with the power can have clusters that were
    // discarded and those that came in their place.
    most_used_ = std::max(cap_, disk_->used_bytes());
  }

  static OverlayContents InMemory() {
    const OverlayLayout layout = OverlayLayout::OfMemory(kCapacity);
    return {layout, OverlayMap::Create(layout.clusters()).value(), std::nullopt};
  }

  OverlayContents FromFile() {
    const uint64_t size = new_ ? 0 : OverlayLayout::OfFile(kCapacity).size();
    new_ = false;
    OwnedFd file(image_.ToFile(size));
    absl::StatusOr<OverlayUpper> upper = OverlayUpper::Open(std::move(file), kBase, "fuzz");
    Require(upper.ok());
    image_.TakeChangesFrom(upper->file.get(), OverlayLayout::OfFile(kCapacity).size());
    return std::move(upper->contents);
  }

  void Step() {
    switch (static_cast<Action>(input_.TakeBelow(static_cast<uint64_t>(Action::kCount)))) {
      case Action::kWrite:
        return Write();
      case Action::kRead:
        return Read();
      case Action::kFlush:
        return Flush();
      case Action::kDiscard:
        return Clear(BlockOperation::kDiscard);
      case Action::kWriteZeroes:
        return Clear(BlockOperation::kWriteZeroes);
      case Action::kComplete:
        return CompleteOne();
      case Action::kClose:
        return Reopen();
      case Action::kKill:
        return in_memory_ ? void() : Kill();
      case Action::kLosePower:
        return in_memory_ ? void() : LosePower();
      case Action::kFail:
        (input_.TakeBelow(2) == 0 ? base_ : upper_)->FailAfter(input_.TakeBelow(4));
        failing_ = true;
        return;
      case Action::kCount:
        return;
    }
  }

  // A request for some sectors of one window, none of which is on its way.
  std::unique_ptr<Request> Choose(BlockOperation operation) {
    auto request = std::make_unique<Request>();
    request->begin = input_.TakeBelow(kSectors);
    const uint64_t length = 1 + input_.TakeBelow(kMostSectors);
    request->end = std::min(SectorModel::WindowEnd(request->begin), request->begin + length);
    if (model_.AnyInFlight(request->begin, request->end)) return nullptr;
    request->block.operation = operation;
    request->block.offset = SectorModel::OffsetOf(request->begin);
    request->block.length = (request->end - request->begin) * kSectorSize;
    return request;
  }

  void Attach(Request& request) {
    const size_t seam = 1 + input_.TakeBelow(request.data.size() - 1);
    request.pieces[0] = {.iov_base = request.data.data(), .iov_len = seam};
    request.pieces[1] = {.iov_base = request.data.data() + seam,
                         .iov_len = request.data.size() - seam};
    request.block.buffers = request.pieces;
  }

  void Write() {
    if (in_flight_.size() >= kMostInFlight) return;
    std::unique_ptr<Request> request = Choose(BlockOperation::kWrite);
    if (request == nullptr) return;
    next_tag_ = next_tag_ % (SectorModel::kBaseTag - 1) + 1;
    request->tag = static_cast<Tag>(next_tag_);
    for (uint64_t at = request->begin; at < request->end; ++at) {
      const SectorBytes content = SectorModel::ContentOf(at, request->tag);
      request->data.insert(request->data.end(), content.begin(), content.end());
    }
    model_.SetInFlight(request->begin, request->end, true);
    Attach(*request);
    if (input_.TakeBelow(8) == 0) request->block.durability = BlockDurability::kStable;
    disk_->Submit(request->block, *request);
    in_flight_.push_back(std::move(request));
    Settle();
  }

  // What has completed goes into the model.
  void Settle() {
    std::erase_if(in_flight_, [this](const std::unique_ptr<Request>& request) {
      if (!request->error) return false;
      Require(*request->error == 0 || failing_ || (*request->error == EDQUOT && cap_ != kNone));
      model_.SetInFlight(request->begin, request->end, false);
      if (*request->error != 0) {
        Uncertain(*request);
        return true;
      }
      for (uint64_t at = request->begin; at < request->end; ++at) {
        Assign(at, request->tag, request->block.durability);
      }
      return true;
    });
    Require(disk_->used_bytes() <= most_used_);
  }

  void Assign(uint64_t at, Tag tag, BlockDurability durability) {
    const bool lasts = durability == BlockDurability::kStable && !in_memory_;
    model_.Assign(at, tag, lasts ? SectorModel::Lasting::kYes : SectorModel::Lasting::kNo);
  }

  // A failed request may have done a part. What did it do?
  void Uncertain(const Request& request) {
    base_->StopFailing();
    upper_->StopFailing();
    for (uint64_t at = request.begin; at < request.end; ++at) {
      const SectorBytes content = ReadSector(at);
      if (model_.IsCurrent(content.data(), at)) {
        model_.MayHold(at, request.tag);
        continue;
      }
      Require(*request.error != EDQUOT || request.block.operation != BlockOperation::kWrite);
      Require(SectorModel::Holds(content.data(), at, request.tag));
      Assign(at, request.tag, BlockDurability::kCached);
    }
  }

  // Submits, and has others complete until this has.
  void Await(Request& request) {
    disk_->Submit(request.block, request);
    while (!request.error) CompleteOne();
    if (*request.error != 0) {
      Require(failing_ || (*request.error == EDQUOT && cap_ != kNone));
    }
    Settle();
  }

  SectorBytes ReadSector(uint64_t at) {
    SectorBytes content{};
    Request request;
    iovec piece = {.iov_base = content.data(), .iov_len = content.size()};
    request.block.offset = SectorModel::OffsetOf(at);
    request.block.length = kSectorSize;
    request.block.buffers = std::span(&piece, 1);
    disk_->Submit(request.block, request);
    disk_->Drain();
    Require(request.error == 0);
    return content;
  }

  void Read() {
    const std::unique_ptr<Request> request = Choose(BlockOperation::kRead);
    if (request == nullptr) return;
    request->data.resize(request->block.length, std::byte{0xee});
    Attach(*request);
    Await(*request);
    if (*request->error != 0) return;
    for (uint64_t at = request->begin; at < request->end; ++at) {
      const size_t offset = (at - request->begin) * kSectorSize;
      Require(model_.IsCurrent(request->data.data() + offset, at));
    }
  }

  void Flush() {
    Request request;
    request.block.operation = BlockOperation::kFlush;
    const SectorModel before = model_;
    Await(request);
    if (*request.error == 0) model_.SetFlushed(before);
  }

  void Clear(BlockOperation operation) {
    const std::unique_ptr<Request> request = Choose(operation);
    if (request == nullptr) return;
    if (input_.TakeBelow(8) == 0) request->block.durability = BlockDurability::kStable;
    if (input_.TakeBelow(2) == 0) request->block.zeroing = BlockZeroing::kMayUnmap;
    // The whole clusters, which are all that a discard concerns.
    const auto clears = [&](uint64_t at) {
      if (operation == BlockOperation::kWriteZeroes) return true;
      const uint64_t begin = AlignDown(SectorModel::OffsetOf(at), kOverlayCluster);
      const uint64_t end = std::min(begin + kOverlayCluster, kCapacity);
      return begin >= request->block.offset && end <= request->block.offset + request->block.length;
    };
    Await(*request);
    if (*request->error != 0) return Uncertain(*request);
    for (uint64_t at = request->begin; at < request->end; ++at) {
      if (clears(at)) Assign(at, SectorModel::kZeroTag, request->block.durability);
    }
  }

  void CompleteOne() {
    VolatileDisk& first = input_.TakeBelow(2) == 0 ? *base_ : *upper_;
    VolatileDisk& chosen = first.waiting() != 0 ? first : (&first == base_ ? *upper_ : *base_);
    if (chosen.waiting() != 0) chosen.Complete(input_.TakeBelow(chosen.waiting()));
    Settle();
  }

  void Close() {
    base_->StopFailing();
    upper_->StopFailing();
    disk_->Drain();
    Settle();
    failing_ = false;
    const uint64_t used = disk_->used_bytes();
    if (in_memory_) return;
    disk_->Close();
    Open();
    Require(disk_->used_bytes() == used);
  }

  void Reopen() {
    Close();
    CheckAll();
  }

  void CheckAll() {
    for (uint64_t at = 0; at < kSectors; ++at) {
      Require(model_.IsCurrent(ReadSector(at).data(), at));
    }
  }

  void Die() {
    const auto chance = [this] { return input_.TakeBelow(2) == 0; };
    base_->Abandon(chance);
    upper_->Abandon(chance);
    for (const std::unique_ptr<Request>& request : in_flight_) {
      model_.SetInFlight(request->begin, request->end, false);
      for (uint64_t at = request->begin; at < request->end; ++at) {
        model_.MayHold(at, request->tag);
      }
    }
    disk_.reset();
    in_flight_.clear();
    failing_ = false;
  }

  void Kill() {
    Die();
    Open();
    Learn();
  }

  void LosePower() {
    Die();
    image_.LosePower([this] { return input_.TakeBelow(2) == 0; });
    Open();
    Learn();
    model_.SetLasting();
  }

  // After a crash: each sector holds something that it may.
  void Learn() {
    for (uint64_t at = 0; at < kSectors; ++at) {
      Require(model_.Learn(ReadSector(at).data(), at));
    }
  }

  static constexpr uint64_t kNone = OverlayDisk::kNoCap;

  ByteSource input_;
  VolatileDisk::Completion completion_ = VolatileDisk::Completion::kInline;
  bool in_memory_ = false;
  bool can_discard_ = true;
  bool new_ = true;
  bool failing_ = false;  // since the disk was opened, something may have
  uint64_t cap_ = kNone;
  uint64_t most_used_ = kNone;
  DiskImage base_image_;
  DiskImage image_;
  SectorModel model_;
  std::deque<std::unique_ptr<Request>> in_flight_;
  unsigned next_tag_ = 0;
  VolatileDisk* base_ = nullptr;
  VolatileDisk* upper_ = nullptr;
  std::unique_ptr<OverlayDisk> disk_;
};

}  // namespace
}  // namespace mayfly::virtio

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::virtio::Fuzz(mayfly::ByteSource(data, size)).Run();
  return 0;
}
