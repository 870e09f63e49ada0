#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/disk/disk_file.h"
#include "virtio/block/disk/disk_io.h"
#include "virtio/block/disk/uring.h"

namespace mayfly::virtio {

// A disk whose bytes are those of a regular file or block device, by io_uring: requests are
// collected until Commit(), which hands them over in one system call and completes those that were
// done within it (what the page cache has); the others complete on the io loop.
//
// Done without io_uring, where that is better: a read that comes alone and finds all in the page
// cache (0.9 us instead of 1.5 us of CPU time for 4 KiB); writes to the page cache of a file system
// that can do them only in a thread of their own (which costs more than the copy); discards of
// block devices, for which io_uring has no request before Linux 6.12; and what a direct file cannot
// take as it is (DiskIo).
class UringDisk final : public BlockBackend {
  class Passkey {
    friend class UringDisk;
    Passkey() = default;
  };

 public:
  // Requests between two submissions: as many as a kick brings (Block::kQueueSize).
  static constexpr unsigned kEntries = 256;

  // `uring` has `file` registered, and `kEntries`; `io` outlives the disk. Errors: those of
  // epoll_ctl(2), and ResourceExhausted where there is no memory.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UringDisk>> Create(
      DiskFile file, std::unique_ptr<Uring> uring, EventLoop& io);
  UringDisk(Passkey, DiskFile file, std::unique_ptr<Uring> uring, EventLoop& io);
  ~UringDisk() override;

  [[nodiscard]] uint64_t capacity() const override { return file_.capacity(); }
  [[nodiscard]] BlockAccess access() const override { return file_.access(); }
  [[nodiscard]] uint32_t discard_granularity() const override {
    return file_.discard_granularity();
  }
  [[nodiscard]] uint32_t physical_block_size() const override {
    return file_.physical_block_size();
  }
  [[nodiscard]] absl::StatusOr<uint64_t> RefreshCapacity() override {
    return file_.RefreshCapacity();
  }

  void Submit(BlockRequest& request, BlockCompletion& completion) override;
  void Commit() override;
  void Drain() override;
  void Close() override;

 private:
  // A request in the kernel's hands, which may take it in several goes.
  struct Transfer {
    BlockRequest* request = nullptr;
    BlockCompletion* completion = nullptr;
    uint64_t offset = 0;       // of what is left
    std::span<iovec> left;     // of the buffers
    bool stabilizing = false;  // the request is done, and now made to last
  };
  // How the file takes writes to the page cache; the first finds out.
  enum class CachedWrites { kUnknown, kInCall, kByUring };

  [[nodiscard]] bool IsForCall(const BlockRequest& request);
  [[nodiscard]] bool IsWriteForCall(const BlockRequest& request);
  void Enqueue(Transfer& transfer);
  // Takes what the page cache has of the only request of a batch.
  void ReadAtOnce(Transfer& transfer);
  void FillIn(io_uring_sqe* sqe, const Transfer& transfer) const;
  // Submits what is queued.
  void HandOver();
  // What the kernel does not take, and what is left of it: done in the call, now and from now on.
  void DoInCall(Transfer& transfer);
  // Takes what is done. False where that was nothing.
  bool TakeCompletions();
  void OnResult(Transfer& transfer, int32_t result);
  void OnMoved(Transfer& transfer, size_t bytes);
  void OnAllocated(Transfer& transfer, int error);
  void Finish(Transfer& transfer, int error);
  void OnReadable();
  [[nodiscard]] Transfer& TakeTransfer();

  DiskFile file_;
  std::optional<DiskIo> in_call_;  // set by Create(): it points to file_
  std::unique_ptr<Uring> uring_;   // none when closed
  EventLoop& io_;
  CachedWrites cached_writes_ = CachedWrites::kUnknown;
  bool reads_at_once_;    // whether preadv2(2) can say that it would have to wait
  bool refused_ = false;  // by the kernel, for good
  // Whom a batch is for: told when it is over.
  BlockCompletion* untold_ = nullptr;

  // Grows to the most requests that were ever in flight at once; addresses stay.
  std::deque<Transfer> transfers_;
  std::vector<Transfer*> idle_;
  std::vector<Transfer*> queued_;  // not yet in the kernel's hands
  size_t filled_in_ = 0;           // the first of queued_, which are in the ring
  size_t in_flight_ = 0;           // begun, not finished
};

}  // namespace mayfly::virtio
