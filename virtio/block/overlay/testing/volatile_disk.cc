#include "virtio/block/overlay/testing/volatile_disk.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/checked.h"

namespace mayfly::virtio {
namespace {

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

void DiskImage::Write(uint64_t offset, std::span<const std::byte> data) {
  current_.Write(offset, data);
  changes_.push_back({offset, {data.begin(), data.end()}});
}

void DiskImage::Flush() {
  for (const Change& change : changes_) durable_.Write(change.offset, change.data);
  changes_.clear();
}

void DiskImage::LosePower(const std::function<bool()>& kept) {
  for (const Change& change : changes_) {
    for (size_t at = 0; at < change.data.size(); at += kSectorSize) {
      const auto rest = std::span(change.data).subspan(at);
      if (kept()) {
        durable_.Write(change.offset + at, rest.first(std::min(rest.size(), size_t{kSectorSize})));
      }
    }
  }
  changes_.clear();
  current_ = durable_;
}

int DiskImage::ToFile(uint64_t size) const {
  const int file = ::memfd_create("image", MFD_CLOEXEC);
  Require(file >= 0 && ::ftruncate(file, static_cast<off_t>(size)) == 0);
  for (const auto& [number, page] : current_.pages()) {
    const auto offset = static_cast<off_t>(number * SparseBytes::kPage);
    Require(::pwrite(file, page.data(), page.size(), offset) == SparseBytes::kPage);
  }
  return file;
}

void DiskImage::TakeChangesFrom(int file, uint64_t size) {
  SparseBytes::Page now{};
  SparseBytes::Page before{};
  for (off_t at = 0; (at = ::lseek(file, at, SEEK_DATA)) >= 0;
       at += static_cast<off_t>(SparseBytes::kPage)) {
    Require(::pread(file, now.data(), now.size(), at) == SparseBytes::kPage);
    const auto offset = static_cast<uint64_t>(at);
    Read(offset, before);
    if (std::memcmp(now.data(), before.data(), now.size()) != 0) Write(offset, now);
  }
  // What was given back.
  std::vector<uint64_t> gone;
  for (const auto& [number, page] : current_.pages()) {
    const uint64_t offset = number * SparseBytes::kPage;
    Require(offset < size);
    const ssize_t got = ::pread(file, now.data(), now.size(), static_cast<off_t>(offset));
    Require(got == SparseBytes::kPage);
    if (std::memcmp(now.data(), page.data(), now.size()) != 0) gone.push_back(offset);
  }
  for (const uint64_t offset : gone) Write(offset, SparseBytes::Page{});
}

void VolatileDisk::Submit(BlockRequest& request, BlockCompletion& completion) {
  const Waiting waiting = {.request = &request, .completion = &completion};
  if (completion_ == Completion::kInline) {
    Perform(waiting);
  } else {
    waiting_.push_back(waiting);
  }
}

void VolatileDisk::Complete(size_t index) {
  const Waiting chosen = waiting_[index];
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
  Perform(chosen);
  chosen.completion->OnBatchCompleted();
}

void VolatileDisk::Abandon(const std::function<bool()>& done) {
  for (const Waiting& waiting : waiting_) {
    if (done()) (void)Do(*waiting.request);
  }
  waiting_.clear();
}

void VolatileDisk::Drain() {
  while (!waiting_.empty()) {
    // The newest first: the order is nobody's to rely on.
    const Waiting newest = waiting_.back();
    waiting_.pop_back();
    Perform(newest);
  }
}

void VolatileDisk::Perform(const Waiting& waiting) {
  int error = EIO;
  if (requests_until_failure_ == kNever) {
    error = Do(*waiting.request);
  } else if (requests_until_failure_ > 0) {
    --requests_until_failure_;
    error = Do(*waiting.request);
  }
  waiting.completion->OnCompleted(*waiting.request, error);
}

int VolatileDisk::Do(const BlockRequest& request) {
  Require(!closed_);
  Require(RangeWithin(request.offset, request.length, capacity_));
  Require(access_ == BlockAccess::kReadWrite || request.operation == BlockOperation::kRead);
  uint64_t offset = request.offset;
  std::vector<std::byte> data;
  switch (request.operation) {
    case BlockOperation::kRead:
      ++reads_;
      for (const iovec& piece : request.buffers) {
        image_.Read(offset, {static_cast<std::byte*>(piece.iov_base), piece.iov_len});
        offset += piece.iov_len;
      }
      Require(offset == request.offset + request.length);
      return 0;
    case BlockOperation::kWrite:
      // In one go: the power does not fail within a sector.
      for (const iovec& piece : request.buffers) {
        const std::span bytes(static_cast<const std::byte*>(piece.iov_base), piece.iov_len);
        data.insert(data.end(), bytes.begin(), bytes.end());
      }
      Require(data.size() == request.length);
      image_.Write(offset, data);
      if (request.durability == BlockDurability::kStable) image_.Flush();
      return 0;
    case BlockOperation::kFlush:
      ++flushes_;
      image_.Flush();
      return 0;
    case BlockOperation::kDiscard:
    case BlockOperation::kWriteZeroes:
      Require(discard_granularity_ != 0);
      if (request.operation == BlockOperation::kDiscard) {
        ++discards_;
        discarded_ += request.length;
      }
      image_.Write(offset, std::vector<std::byte>(request.length));
      return 0;
  }
  return EOPNOTSUPP;
}

}  // namespace mayfly::virtio
