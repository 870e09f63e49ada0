#include "virtio/block/testing/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::virtio {

absl::StatusOr<LoopDevice> LoopDevice::Create(int file) {
  const OwnedFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  // Another may take the free one before us.
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return ErrnoStatus("asking for a free loop device");
    std::string path = absl::StrCat("/dev/loop", number);
    OwnedFd device(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!device.valid()) return ErrnoStatus(absl::StrCat("opening ", path));
    if (::ioctl(device.get(), LOOP_SET_FD, file) == 0) {
      return LoopDevice(std::move(device), std::move(path));
    }
    if (errno != EBUSY) return ErrnoStatus(absl::StrCat("putting a file behind ", path));
  }
  return absl::UnavailableError("others take every free loop device");
}

LoopDevice::~LoopDevice() {
  if (device_.valid()) ::ioctl(device_.get(), LOOP_CLR_FD, 0);
}

absl::Status LoopDevice::SetBlockSize(uint64_t bytes) const {
  if (::ioctl(device_.get(), LOOP_SET_BLOCK_SIZE, bytes) == 0) return absl::OkStatus();
  return ErrnoStatus(absl::StrCat("giving ", path_, " blocks of ", bytes, " bytes"));
}

absl::Status LoopDevice::TakeSizeOfFile() const {
  if (::ioctl(device_.get(), LOOP_SET_CAPACITY, 0) == 0) return absl::OkStatus();
  return ErrnoStatus(absl::StrCat("giving ", path_, " the size of its file"));
}

}  // namespace mayfly::virtio
