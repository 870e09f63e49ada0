#include "vmm/boot/image_file.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "base/file_io.h"
#include "base/status.h"
#include "vmm/boot/damaged_image.h"

namespace mayfly::vmm {

absl::StatusOr<ImageFile> ImageFile::Open(int fd, std::string_view role, std::string_view name) {
  ImageFile file(fd, role, name);
  const auto size = FileSize(fd);
  if (!size.ok()) return file.Annotated(size.status());
  if (*size == 0) return DamagedImage(file, "the file is empty");
  file.size_ = *size;
  file.head_size_ = std::min<uint64_t>(*size, file.head_.size());
  const absl::Status read = ReadFully(fd, 0, std::span(file.head_).first(file.head_size_));
  if (!read.ok()) return file.Annotated(read);
  return file;
}

absl::Status ImageFile::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  if (!RangeWithin(offset, out.size(), size_)) {
    return DamagedImage(
        *this, absl::StrCat("it is cut off: ", size_, " bytes, but something at byte ", offset,
                            " should be ", out.size(), " bytes long"));
  }
  if (RangeWithin(offset, out.size(), head_size_)) {
    std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return absl::OkStatus();
  }
  return Annotated(ReadFully(fd_, offset, out));
}

absl::Status ImageFile::Bad(std::string_view problem) const {
  return absl::InvalidArgumentError(absl::StrCat(role_, " \"", name_, "\": ", ToAbsl(problem)));
}

absl::Status ImageFile::Annotated(const absl::Status& status) const {
  return Annotate(status, absl::StrCat(role_, " \"", name_, "\""));
}

}  // namespace mayfly::vmm
