#include "api/cli/disk_command.h"

#include <capnp/message.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "api/cli/exit_code.h"
#include "api/cli/output/format.h"
#include "api/cli/output/json.h"
#include "api/cli/output/reports.capnp.h"
#include "api/cli/say.h"
#include "api/cli/table/command_line.h"
#include "api/cli/table/commands.h"
#include "api/cli/units.h"
#include "api/client/open_file.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "virtio/block/overlay/overlay_image.h"
#include "vmm/named_fd.h"

namespace mayfly::cli {
namespace {

constexpr mode_t kReadableByAll = 0644;
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

using Words = std::span<const std::string>;

[[nodiscard]] virtio::NamedFile View(const vmm::NamedFd& file) {
  return {.fd = file.fd.get(), .name = file.name};
}

[[nodiscard]] std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// A file that is made by a command, and gone again unless it is kept.
class NewFile final {
 public:
  [[nodiscard]] static absl::StatusOr<NewFile> Create(const std::string& path) {
    OwnedFd file(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, kReadableByAll));
    if (file.valid()) return NewFile(std::move(file), path);
    return absl::InvalidArgumentError(absl::StrCat(path, " cannot be made: ", std::strerror(errno),
                                                   errno == EEXIST ? "; name a new file" : ""));
  }
  NewFile(NewFile&& other) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (file_.valid()) ::unlink(path_.c_str());
  }

  [[nodiscard]] virtio::NamedFile view() const { return {.fd = file_.get(), .name = path_}; }
  // Its content is durable; makes it be there after a power cut, too.
  [[nodiscard]] absl::Status Keep() {
    MAYFLY_RETURN_IF_ERROR(SyncEntry());
    file_.Reset();
    return absl::OkStatus();
  }

 private:
  [[nodiscard]] absl::Status SyncEntry() const {
    const OwnedFd directory(::open(DirectoryOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // One that may be written to, but not read, or whose file system knows no such thing: then all
    // of that.
    if (directory.valid() && ::fsync(directory.get()) == 0) return absl::OkStatus();
    if (::syncfs(file_.get()) == 0) return absl::OkStatus();
    return ErrnoStatus(absl::StrCat("making the name ", path_, " durable"));
  }
  NewFile(OwnedFd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  OwnedFd file_;
  std::string path_;
};

[[nodiscard]] std::string FormatTime(int64_t nanoseconds) {
  const time_t seconds = nanoseconds / kNanosecondsPerSecond;
  tm parts{};
  std::array<char, sizeof "-2147483648-01-01 00:00:00 UTC"> text{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "at no time that there is";
  const size_t length = std::strftime(text.data(), text.size(), "%F %T UTC", &parts);
  return {text.data(), length};
}

[[nodiscard]] std::string InfoAsJson(const virtio::OverlayInfo& info) {
  capnp::MallocMessageBuilder message;
  auto overlay = message.initRoot<report::Overlay>();
  overlay.setDiskBytes(info.capacity);
  overlay.setDataBytes(info.data_bytes);
  overlay.setZeroBytes(info.zero_bytes);
  overlay.setTakenBytes(info.used_bytes);
  overlay.setBaseModifiedNanoseconds(info.base_modified);
  overlay.setClean(!info.unclean);
  return ToJson(overlay.asReader());
}

[[nodiscard]] std::string InfoAsText(const virtio::OverlayInfo& info) {
  const std::string base_time =
      info.base_modified == 0 ? "a device" : FormatTime(info.base_modified);
  std::string text =
      absl::StrCat("disk      ", FormatSize(info.capacity), " (", info.capacity, " bytes)\n");
  absl::StrAppend(&text, "data      ", FormatSize(info.data_bytes), "\n");
  absl::StrAppend(&text, "zeroes    ", FormatSize(info.zero_bytes), ", which take no space\n");
  absl::StrAppend(&text, "takes     ", FormatSize(info.used_bytes), ", as a cap counts it\n");
  absl::StrAppend(&text, "base      written last: ", base_time, "\n");
  absl::StrAppend(
      &text, "state     ",
      info.unclean ? "its last VM was killed: what it had not flushed is lost" : "in order", "\n");
  return text;
}

[[nodiscard]] absl::StatusOr<std::string> Info(Words words, Format format) {
  MAYFLY_ASSIGN_OR_RETURN(const vmm::NamedFd file, api::OpenImage("overlay", words[0]));
  MAYFLY_ASSIGN_OR_RETURN(const virtio::OverlayInfo info, virtio::InspectOverlay(View(file)));
  return format == Format::kJson ? InfoAsJson(info) : InfoAsText(info);
}

absl::Status Flatten(Words words) {
  MAYFLY_ASSIGN_OR_RETURN(const vmm::NamedFd upper, api::OpenImage("overlay", words[0]));
  MAYFLY_ASSIGN_OR_RETURN(const vmm::NamedFd base, api::OpenImage("base", words[1]));
  MAYFLY_ASSIGN_OR_RETURN(NewFile image, NewFile::Create(words[2]));
  MAYFLY_RETURN_IF_ERROR(virtio::FlattenOverlay(View(base), View(upper), image.view()));
  return image.Keep();
}

absl::Status Commit(Words words) {
  // Before the work: whether it can be written to, and nobody else comes between.
  MAYFLY_ASSIGN_OR_RETURN(const vmm::NamedFd upper,
                          api::OpenOverlay(words[0], api::Missing::kRefuse));
  MAYFLY_RETURN_IF_ERROR(virtio::InspectOverlay(View(upper)).status());
  MAYFLY_RETURN_IF_ERROR(Flatten(words));
  MAYFLY_ASSIGN_OR_RETURN(const vmm::NamedFd image, api::OpenImage("image", words[2]));
  return Annotate(virtio::EmptyOverlayOnto(View(image), View(upper)),
                  absl::StrCat(words[2], " is complete, but the overlay could not be emptied"));
}

absl::Status Rebase(Words words) {
  MAYFLY_ASSIGN_OR_RETURN(const vmm::NamedFd upper,
                          api::OpenOverlay(words[0], api::Missing::kRefuse));
  MAYFLY_ASSIGN_OR_RETURN(const vmm::NamedFd base, api::OpenImage("base", words[1]));
  return virtio::RebaseOverlay(View(base), View(upper));
}

[[nodiscard]] int InfoCommand(std::span<char* const> arguments) {
  CommandLine line(kDiskInfoCommand, "disk info", arguments);
  Format format = Format::kText;
  if (const auto code = ReadFormat(line, format)) return *code;
  const absl::StatusOr<std::string> info = Info(line.operands(), format);
  return info.ok() ? Print(*info) : line.Fail(info.status());
}

// One other part of `mayfly disk`, with as many words as its table says.
[[nodiscard]] int Work(const Command& command, std::span<char* const> arguments,
                       absl::Status (*work)(Words)) {
  CommandLine line(command, absl::StrCat("disk ", ToAbsl(command.name)), arguments);
  if (const auto code = line.Read()) return *code;
  const absl::Status status = work(line.operands());
  return status.ok() ? static_cast<int>(ExitCode::kSuccess) : line.Fail(status);
}

}  // namespace

int DiskCommand(std::span<char* const> arguments) {
  const std::string_view part = arguments.empty() ? std::string_view() : arguments.front();
  const std::span<char* const> rest = arguments.empty() ? arguments : arguments.subspan(1);
  if (part == kDiskInfoCommand.name) return InfoCommand(rest);
  if (part == kDiskFlattenCommand.name) return Work(kDiskFlattenCommand, rest, Flatten);
  if (part == kDiskCommitCommand.name) return Work(kDiskCommitCommand, rest, Commit);
  if (part == kDiskRebaseCommand.name) return Work(kDiskRebaseCommand, rest, Rebase);
  CommandLine line(kDiskCommand, "disk", arguments);
  if (part.starts_with("-")) {
    if (const auto code = line.Read()) return *code;
  }
  return line.Usage(part.empty() ? "what is to be done?"
                                 : absl::StrCat("\"", ToAbsl(part),
                                                "\" is not one of info, flatten, commit, rebase"));
}

}  // namespace mayfly::cli
