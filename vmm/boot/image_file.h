#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly::vmm {

// A kernel or initrd file, opened by somebody else, who keeps it open meanwhile. Its beginning is
// read at once: it tells the format, and holds most headers whole.
class ImageFile final {
 public:
  // `role` ("kernel", "initrd") and `name` are for messages. Errors: InvalidArgument.
  [[nodiscard]] static absl::StatusOr<ImageFile> Open(int fd, std::string_view role,
                                                      std::string_view name);

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] uint64_t size() const { return size_; }
  // The first bytes of the file, at most a page of them.
  [[nodiscard]] std::span<const std::byte> head() const {
    return std::span(head_).first(head_size_);
  }
  // Errors: InvalidArgument where the file ends before.
  [[nodiscard]] absl::Status ReadAt(uint64_t offset, std::span<std::byte> out) const;

  // The error for a file that is not what it should be: `kernel "vmlinux": <problem>`.
  [[nodiscard]] absl::Status Bad(std::string_view problem) const;
  // `status` with the file's name before its message.
  [[nodiscard]] absl::Status Annotated(const absl::Status& status) const;

 private:
  ImageFile(int fd, std::string_view role, std::string_view name)
      : fd_(fd), role_(role), name_(name) {}

  int fd_;
  std::string role_;
  std::string name_;
  uint64_t size_ = 0;
  size_t head_size_ = 0;
  std::array<std::byte, 4096> head_{};
};

}  // namespace mayfly::vmm
