// An upper file that somebody else made: a header as the input says, with a good checksum or none,
// and anything in the map. It is refused with a sentence, or used, and then nothing is read or
// written but what is the disk's: VolatileDisk traps on the rest.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/file_io.h"
#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"
#include "virtio/block/overlay/overlay_disk.h"
#include "virtio/block/overlay/overlay_upper.h"
#include "virtio/block/overlay/testing/volatile_disk.h"

namespace mayfly::virtio {
namespace {

constexpr uint64_t kCapacity = (kClustersPerPage + 3) * kOverlayCluster - kSectorSize;
constexpr BaseIdentity kBase = {.capacity = kCapacity, .modified = 1, .sample = 2};
constexpr uint64_t kMostBytes = 4 * kOverlayCluster;  // of a request

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

class Answer final : public BlockCompletion {
 public:
  void OnCompleted(BlockRequest& /*request*/, int /*error*/) override {}
  void OnBatchCompleted() override {}
};

void PutHeader(int file, ByteSource& input) {
  OverlayHeader header;
  header.capacity = kCapacity;
  header.base_modified = kBase.modified;
  header.base_sample = kBase.sample;
  header.flags = input.Take<uint8_t>();
  const auto bytes = std::as_writable_bytes(std::span(&header, 1));
  for (uint64_t changes = input.TakeBelow(3); changes != 0; --changes) {
    bytes[input.TakeBelow(sizeof header)] = input.Take<std::byte>();
  }
  if (input.TakeBelow(8) != 0) {
    Require(WriteOverlayHeader(file, header).ok());
  } else {
    Require(WriteFully(file, 0, bytes).ok());
  }
}

OwnedFd MakeFile(ByteSource& input) {
  OwnedFd file(::memfd_create("fuzz", MFD_CLOEXEC));
  uint64_t size = OverlayLayout::OfFile(kCapacity).size();
  if (input.TakeBelow(8) == 0) size = input.TakeBelow(2 * size);
  PutHeader(file.get(), input);
  for (uint64_t pieces = input.TakeBelow(8); pieces != 0; --pieces) {
    const uint64_t offset = OverlayLayout::PageOffset(input.TakeBelow(3)) +
                            input.TakeBelow(2) * (kOverlayPage - 16) + input.TakeBelow(16);
    const auto bytes = input.TakeBytes(input.TakeBelow(32));
    Require(WriteFully(file.get(), offset, std::as_bytes(bytes)).ok());
  }
  Require(::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
  return file;
}

void Use(OverlayContents contents, ByteSource& input) {
  DiskImage base;
  DiskImage image;
  const uint64_t size = contents.layout.size();
  OverlayDisk disk(std::make_unique<VolatileDisk>(base, kCapacity, BlockAccess::kReadOnly,
                                                  VolatileDisk::Completion::kInline),
                   std::make_unique<VolatileDisk>(image, size, BlockAccess::kReadWrite,
                                                  VolatileDisk::Completion::kInline),
                   std::move(contents),
                   input.TakeBelow(2) == 0 ? OverlayDisk::kNoCap : 8 * kOverlayPage);
  static std::array<std::byte, kMostBytes> data{};
  Answer answer;
  while (!input.empty()) {
    BlockRequest request;
    request.operation = static_cast<BlockOperation>(input.TakeBelow(5));
    request.zeroing = static_cast<BlockZeroing>(input.TakeBelow(2));
    const uint64_t sectors = kCapacity / kSectorSize;
    const uint64_t sector =
        input.TakeBelow(2) == 0 ? input.Take<uint8_t>() : sectors - 1 - input.Take<uint8_t>();
    request.offset = sector * kSectorSize;
    request.length = std::min((1 + input.TakeBelow(kMostBytes / kSectorSize)) * kSectorSize,
                              kCapacity - request.offset);
    iovec piece = {.iov_base = data.data(), .iov_len = request.length};
    if (request.operation <= BlockOperation::kWrite) request.buffers = std::span(&piece, 1);
    if (request.operation == BlockOperation::kFlush) request.offset = request.length = 0;
    disk.Submit(request, answer);
  }
  disk.Close();
}

}  // namespace
}  // namespace mayfly::virtio

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::ByteSource input(data, size);
  auto upper = mayfly::virtio::OverlayUpper::Open(mayfly::virtio::MakeFile(input),
                                                  mayfly::virtio::kBase, "fuzz");
  if (upper.ok()) mayfly::virtio::Use(std::move(upper->contents), input);
  return 0;
}
