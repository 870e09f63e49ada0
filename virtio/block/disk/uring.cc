#include "virtio/block/disk/uring.h"

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

// One bad request is not to keep back those behind it. Completions wait for our next turn in the
// kernel instead of interrupting (since Linux 5.19; before, they do).
constexpr unsigned kSubmitAll = IORING_SETUP_SUBMIT_ALL;
constexpr unsigned kCooperative = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;

io_uring_restriction AllowOperation(uint8_t operation) {
  io_uring_restriction rule{};
  rule.opcode = IORING_RESTRICTION_SQE_OP;
  rule.sqe_op = operation;
  return rule;
}

// A seccomp filter does not see what stands in a ring, so the ring is to know by itself what it is
// for: four operations, and on the registered file alone. 0 or a negative errno value.
int Restrict(io_uring& ring) {
  io_uring_restriction on_file{};
  on_file.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
  on_file.sqe_flags = IOSQE_FIXED_FILE;
  std::array rules = {AllowOperation(IORING_OP_READV), AllowOperation(IORING_OP_WRITEV),
                      AllowOperation(IORING_OP_FSYNC), AllowOperation(IORING_OP_FALLOCATE),
                      on_file};
  const int result = ::io_uring_register_restrictions(&ring, rules.data(), rules.size());
  return result != 0 ? result : ::io_uring_enable_rings(&ring);
}

bool IsRefusal(int error) { return error == ENOSYS || error == EPERM || error == EACCES; }

}  // namespace

absl::StatusOr<std::unique_ptr<Uring>> Uring::Create(unsigned entries, int file) {
  auto uring = std::make_unique<Uring>(Passkey());
  int result = -EINVAL;
  for (const unsigned flags : {kSubmitAll | kCooperative, kSubmitAll, 0U}) {
    result = ::io_uring_queue_init(entries, &uring->ring_, flags | IORING_SETUP_R_DISABLED);
    if (result != -EINVAL) break;
  }
  if (IsRefusal(-result)) {
    return absl::UnavailableError(
        absl::StrCat(ErrnoStatus("setting up io_uring", -result).message(),
                     ": use the synchronous engine, or allow it (sysctl kernel.io_uring_disabled, "
                     "seccomp)"));
  }
  if (result != 0) return ErrnoStatus("setting up io_uring", -result);
  uring->created_ = true;
  result = ::io_uring_register_files(&uring->ring_, &file, 1);
  if (result != 0) return ErrnoStatus("registering a file with io_uring", -result);
  result = Restrict(uring->ring_);
  if (result != 0) return ErrnoStatus("restricting io_uring", -result);
  return uring;
}

Uring::~Uring() {
  if (created_) ::io_uring_queue_exit(&ring_);
}

void Uring::Queue(io_uring_sqe* sqe, void* tag) {
  ::io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
  ::io_uring_sqe_set_data(sqe, tag);
}

int Uring::Submit() {
  while (queued() != 0) {
    const int result = ::io_uring_submit(&ring_);
    if (result < 0 && result != -EINTR) return -result;
  }
  return 0;
}

int Uring::Wait() {
  io_uring_cqe* cqe = nullptr;
  while (true) {
    const int result = ::io_uring_wait_cqe(&ring_, &cqe);
    if (result != -EINTR) return -result;
  }
}

std::span<const Uring::Completion> Uring::Reap(std::span<Completion> out) {
  size_t taken = 0;
  io_uring_cqe* cqe = nullptr;
  while (taken < out.size() && ::io_uring_peek_cqe(&ring_, &cqe) == 0) {
    out[taken++] = {.tag = ::io_uring_cqe_get_data(cqe), .result = cqe->res};
    ::io_uring_cqe_seen(&ring_, cqe);
  }
  return out.first(taken);
}

}  // namespace mayfly::virtio
