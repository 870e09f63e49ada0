#include "images/unikernel/block.h"

#include <utility>

#include "images/unikernel/interrupts.h"

namespace mayfly::guest {
namespace {

// Virtio 1.2, 5.2.3 and 5.2.4.
constexpr uint64_t kFeatureReadOnly = 1 << 5;
constexpr uint64_t kConfigCapacity = 0;
constexpr uint32_t kRequestQueue = 0;
constexpr uint32_t kHeaderBytes = offsetof(BlockRequest, answer);
static_assert(kHeaderBytes == 16);

// What DISCARD and WRITE_ZEROES have for data.
struct Segment {
  uint64_t sector;
  uint32_t sectors;
  BlockSpace space;
};
static_assert(sizeof(Segment) == 16);

}  // namespace

std::vector<std::unique_ptr<BlockDevice>> BlockDevice::FindAll(BlockOptions options) {
  std::vector<std::unique_ptr<BlockDevice>> disks;
  for (VirtioMmio& device : VirtioMmio::FindAll(VirtioDeviceId::kBlock)) {
    if (!device.Negotiate(options.features | kFeatureReadOnly)) continue;
    if (device.QueueLimit(kRequestQueue) == 0) continue;
    disks.push_back(std::unique_ptr<BlockDevice>(new BlockDevice(device, options.completion)));
    BlockDevice& disk = *disks.back();
    if (options.completion == BlockCompletion::kInterrupt) {
      disk.device_.HandleInterrupts(
          [](void* context) { static_cast<BlockDevice*>(context)->OnInterrupt(); }, &disk);
    }
  }
  return disks;
}

BlockDevice::BlockDevice(const VirtioMmio& device, BlockCompletion completion)
    : device_(device),
      completion_(completion),
      queue_(device.QueueLimit(kRequestQueue), device.features()),
      sectors_(device.ReadConfig64(kConfigCapacity)),
      read_only_((device.features() & kFeatureReadOnly) != 0) {
  device_.EnableQueue(kRequestQueue, queue_);
  device_.SetDriverOk();
}

BlockStatus BlockDevice::Read(uint64_t sector, std::span<std::byte> data) {
  return Run({.operation = BlockOperation::kRead, .sector = sector, .data = data});
}

BlockStatus BlockDevice::Write(uint64_t sector, std::span<const std::byte> data) {
  // The device only reads them.
  const std::span writable(const_cast<std::byte*>(data.data()), data.size());
  return Run({.operation = BlockOperation::kWrite, .sector = sector, .data = writable});
}

BlockStatus BlockDevice::Flush() {
  if ((features() & BlockOptions::kFlush) == 0)
    return BlockStatus::kOk;  // writes are durable at once then
  return Run({.operation = BlockOperation::kFlush, .data = {}});
}

BlockStatus BlockDevice::Discard(uint64_t sector, uint32_t sectors) {
  return RunOnSegment(BlockOperation::kDiscard, sector, sectors, BlockSpace::kKept);
}

BlockStatus BlockDevice::WriteZeroes(uint64_t sector, uint32_t sectors, BlockSpace space) {
  return RunOnSegment(BlockOperation::kWriteZeroes, sector, sectors, space);
}

BlockStatus BlockDevice::RunOnSegment(BlockOperation operation, uint64_t sector, uint32_t sectors,
                                      BlockSpace space) {
  Segment segment = {.sector = sector, .sectors = sectors, .space = space};
  return Run({.operation = operation, .data = std::as_writable_bytes(std::span(&segment, 1))});
}

BlockStatus BlockDevice::GetId(std::array<char, kIdBytes>& id) {
  id.fill('\0');
  return Run({.operation = BlockOperation::kGetId, .data = std::as_writable_bytes(std::span(id))});
}

BlockStatus BlockDevice::Run(BlockRequest request) {
  while (!Submit(request)) Poll();
  Wait(request);
  return request.status;
}

bool BlockDevice::Submit(BlockRequest& request) {
  if (!Enqueue(request)) return false;
  Kick();
  return true;
}

bool BlockDevice::Enqueue(BlockRequest& request) {
  std::array<VirtioBuffer, 3> buffers;
  size_t count = 0;
  buffers[count++] = {&request, kHeaderBytes, VirtioDirection::kToDevice};
  if (!request.data.empty()) {
    const bool asks =
        request.operation == BlockOperation::kRead || request.operation == BlockOperation::kGetId;
    buffers[count++] = {request.data.data(), static_cast<uint32_t>(request.data.size()),
                        asks ? VirtioDirection::kFromDevice : VirtioDirection::kToDevice};
  }
  buffers[count++] = {&request.answer, sizeof request.answer, VirtioDirection::kFromDevice};
  request.status = BlockStatus::kPending;
  const std::optional<uint16_t> token = queue_.Add(std::span(buffers).first(count));
  if (!token) return false;
  pending_[*token] = &request;
  return true;
}

void BlockDevice::Kick() {
  if (!queue_.Publish()) return;
  ++kicks_;
  device_.Notify(kRequestQueue);
}

void BlockDevice::Wait(const BlockRequest& request) {
  const InterruptMask mask;  // or the interrupt could come between the last look and the wait
  Poll();
  while (request.status == BlockStatus::kPending) {
    Rest();
    Poll();
  }
}

void BlockDevice::WaitForAny() {
  const InterruptMask mask;
  while (Poll() == 0) Rest();
}

void BlockDevice::Rest() {
  if (completion_ == BlockCompletion::kPolled) {
    asm volatile("pause");
  } else if (!queue_.RequestInterrupt()) {  // what is complete by then brings no interrupt
    WaitForInterrupt();
  }
}

size_t BlockDevice::Poll() {
  size_t count = 0;
  while (const auto completion = queue_.TakeUsed()) {
    BlockRequest* request = std::exchange(pending_[completion->token], nullptr);
    if (request == nullptr) continue;
    request->status = request->answer;
    ++count;
  }
  return count;
}

void BlockDevice::OnInterrupt() {
  device_.AcknowledgeInterrupt();
  ++interrupts_;
}

}  // namespace mayfly::guest
