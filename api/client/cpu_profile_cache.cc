#include "api/client/cpu_profile_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file_io.h"
#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr char kFileName[] = "/cpu-profile";
constexpr char kBootIdPath[] = "/proc/sys/kernel/random/boot_id";
constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPrivateFile = 0600;
constexpr std::array<char, 8> kMagic = {'m', 'a', 'y', 'f', 'l', 'y', 'C', 'P'};
constexpr uint32_t kFormat = 1;

// For which host the file answers. Reloading the KVM module (with other options, perhaps) makes a
// new device node.
struct HostIdentity {
  std::array<char, 36> boot_id{};  // a UUID's text
  uint32_t unused = 0;
  uint64_t device = 0;  // of /dev/kvm: where the node is,
  uint64_t inode = 0;
  uint64_t number = 0;          // what it stands for,
  int64_t changed_seconds = 0;  // and since when
  int64_t changed_nanoseconds = 0;
  friend bool operator==(const HostIdentity&, const HostIdentity&) = default;
};

// The file: this, then `count` times kvm_cpuid_entry2.
struct Header {
  std::array<char, 8> magic = kMagic;
  uint32_t format = kFormat;
  uint32_t kind = 0;
  HostIdentity host;
  uint32_t count = 0;
  uint32_t unused = 0;
  uint64_t checksum = 0;  // of all the rest
};
static_assert(std::is_trivially_copyable_v<Header>);
static_assert(std::has_unique_object_representations_v<Header>, "no padding: it is checksummed");

constexpr size_t kMaxFileBytes =
    sizeof(Header) + vmm::CpuProfile::kMaxEntries * sizeof(kvm_cpuid_entry2);

// FNV-1a: against accidents, not against attackers; those do not own the file.
[[nodiscard]] uint64_t Checksum(Header header, std::span<const std::byte> entries) {
  constexpr uint64_t kOffsetBasis = 0xcbf29ce484222325;
  constexpr uint64_t kPrime = 0x100000001b3;
  header.checksum = 0;
  uint64_t hash = kOffsetBasis;
  const auto add = [&hash](std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) hash = (hash ^ static_cast<uint64_t>(byte)) * kPrime;
  };
  add(std::as_bytes(std::span(&header, 1)));
  add(entries);
  return hash;
}

[[nodiscard]] std::optional<HostIdentity> IdentifyHost(int kvm) {
  HostIdentity identity;
  const OwnedFd boot_id(::open(kBootIdPath, O_RDONLY | O_CLOEXEC));
  if (!boot_id.valid()) return std::nullopt;
  const ssize_t got = ::read(boot_id.get(), identity.boot_id.data(), identity.boot_id.size());
  if (got != static_cast<ssize_t>(identity.boot_id.size())) return std::nullopt;
  struct stat info {};
  if (::fstat(kvm, &info) != 0) return std::nullopt;
  identity.device = info.st_dev;
  identity.inode = info.st_ino;
  identity.number = info.st_rdev;
  identity.changed_seconds = info.st_ctim.tv_sec;
  identity.changed_nanoseconds = info.st_ctim.tv_nsec;
  return identity;
}

// Whether nobody else could have written the file.
[[nodiscard]] bool IsOurs(int file) {
  struct stat info {};
  return ::fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == ::geteuid() &&
         (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

[[nodiscard]] std::optional<vmm::CpuProfile> Parse(std::span<const std::byte> file,
                                                   const HostIdentity& host) {
  Header header;
  if (file.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, file.data(), sizeof(header));
  const auto entries = file.subspan(sizeof(header));
  if (header.magic != kMagic || header.format != kFormat || header.host != host) {
    return std::nullopt;
  }
  if (header.count == 0 || header.count > vmm::CpuProfile::kMaxEntries ||
      entries.size() != header.count * sizeof(kvm_cpuid_entry2) ||
      header.checksum != Checksum(header, entries)) {
    return std::nullopt;
  }
  if (header.kind > static_cast<uint32_t>(vmm::KvmKind::kSoftware)) return std::nullopt;
  vmm::CpuProfile profile;
  profile.kind = static_cast<vmm::KvmKind>(header.kind);
  profile.supported.resize(header.count);
  std::memcpy(profile.supported.data(), entries.data(), entries.size());
  return profile;
}

[[nodiscard]] std::string Under(const char* base, std::string_view below) {
  return base != nullptr && *base == '/' ? absl::StrCat(base, ToAbsl(below)) : std::string();
}

}  // namespace

CpuProfileCache CpuProfileCache::OfUser() {
  std::string directory = Under(std::getenv("XDG_RUNTIME_DIR"), "/mayfly");
  if (directory.empty()) directory = Under(std::getenv("XDG_CACHE_HOME"), "/mayfly");
  if (directory.empty()) directory = Under(std::getenv("HOME"), "/.cache/mayfly");
  return CpuProfileCache(std::move(directory));
}

std::string CpuProfileCache::path() const { return directory_ + kFileName; }

absl::StatusOr<vmm::CpuProfile> CpuProfileCache::Get(int kvm) const {
  if (std::optional<vmm::CpuProfile> kept = Load(kvm)) return *std::move(kept);
  MAYFLY_ASSIGN_OR_RETURN(vmm::CpuProfile profile, vmm::CpuProfile::Probe(kvm));
  Store(kvm, profile).IgnoreError();  // the next command asks again
  return profile;
}

std::optional<vmm::CpuProfile> CpuProfileCache::Load(int kvm) const {
  if (directory_.empty()) return std::nullopt;
  const OwnedFd file(::open(path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() || !IsOurs(file.get())) return std::nullopt;
  // One byte more than a good file can have: a longer one shows.
  std::array<std::byte, kMaxFileBytes + 1> bytes;
  const ssize_t got = ::read(file.get(), bytes.data(), bytes.size());
  if (got < 0) return std::nullopt;
  const std::optional<HostIdentity> host = IdentifyHost(kvm);
  if (!host) return std::nullopt;
  return Parse(std::span(bytes).first(static_cast<size_t>(got)), *host);
}

absl::Status CpuProfileCache::Store(int kvm, const vmm::CpuProfile& profile) const {
  if (directory_.empty()) return absl::FailedPreconditionError("no directory to keep it in");
  const std::optional<HostIdentity> host = IdentifyHost(kvm);
  if (!host) return absl::UnavailableError("this host's boot id or /dev/kvm cannot be identified");
  const auto entries = std::as_bytes(std::span(profile.supported));
  Header header;
  header.kind = static_cast<uint32_t>(profile.kind);
  header.host = *host;
  header.count = static_cast<uint32_t>(profile.supported.size());
  header.checksum = Checksum(header, entries);

  // ~/.cache may be missing, too. open() tells when this was in vain.
  ::mkdir(directory_.substr(0, directory_.rfind('/')).c_str(), kPrivateDirectory);
  ::mkdir(directory_.c_str(), kPrivateDirectory);
  // Under its name from the beginning, so that a writer who is killed leaves nothing else: a part
  // is no answer, which its length and the checksum tell. What is there goes first, whosever it is.
  ::unlink(path().c_str());
  const OwnedFd file(::open(path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kPrivateFile));
  if (!file.valid()) return ErrnoStatus(absl::StrCat("creating ", path()));
  MAYFLY_RETURN_IF_ERROR(WriteFully(file.get(), 0, std::as_bytes(std::span(&header, 1))));
  return WriteFully(file.get(), sizeof(header), entries);
}

}  // namespace mayfly::api
