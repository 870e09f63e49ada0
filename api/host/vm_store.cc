#include "api/host/vm_store.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <span>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/codec/text.h"
#include "api/host/host_socket.h"
#include "api/host/vm_record.capnp.h"
#include "base/file_io.h"
#include "base/status.h"
#include "base/unix_address.h"

namespace mayfly::api {
namespace {

namespace fs = std::filesystem;

constexpr char kRecordSuffix[] = ".record";
constexpr char kSocketSuffix[] = ".sock";
constexpr char kNewSuffix[] = ".new";  // of a record that is being written
constexpr mode_t kOurs = 0600;
// A record holds a specification, which has a bound of its own (launch_check.cc), and little more.
constexpr uint64_t kMostRecordBytes = uint64_t{2} << 20;
// The column of /proc/PID/stat, counted behind the program's name, with the start time (proc(5)).
constexpr size_t kStartColumn = 20;

[[nodiscard]] absl::StatusOr<uint64_t> StartOf(pid_t pid) {
  MAYFLY_ASSIGN_OR_RETURN(const std::string text,
                          ReadText(AT_FDCWD, absl::StrCat("/proc/", pid, "/stat")));
  // The name is in parentheses, and may have any characters itself.
  const size_t name_end = text.rfind(')');
  const std::vector<std::string> columns =
      absl::StrSplit(name_end == std::string::npos ? text : text.substr(name_end + 1), ' ');
  uint64_t start = 0;
  if (columns.size() <= kStartColumn || !absl::SimpleAtoi(columns[kStartColumn], &start)) {
    return absl::InternalError(absl::StrCat("/proc/", pid, "/stat has no start time"));
  }
  return start;
}

[[nodiscard]] kj::Array<capnp::word> Encode(const Vm& vm, const std::string& name,
                                            uint64_t started_at) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<rpc::VmRecord>();
  const VmFacts& facts = vm.facts();
  record.setId(facts.id);
  record.setName(ToText(name));
  auto labels = record.initLabels(static_cast<capnp::uint>(facts.labels.size()));
  capnp::uint position = 0;
  for (const VmLabel& label : facts.labels) {
    labels[position].setName(ToText(label.name));
    labels[position++].setValue(ToText(label.value));
  }
  record.setOwner(facts.owner);
  record.setCpus(facts.cpus);
  record.setMemoryBytes(facts.memory_bytes);
  record.setLaunchedAt(static_cast<uint64_t>(facts.launched_at.count()));
  record.setPid(static_cast<uint32_t>(vm.pid()));
  record.setStartedAt(started_at);
  capnp::FlatArrayMessageReader spec(vm.spec().words());
  record.setSpec(spec.getRoot<rpc::MachineSpec>());
  return capnp::messageToFlatArray(message);
}

[[nodiscard]] VmFacts FactsOf(rpc::VmRecord::Reader record) {
  VmFacts facts;
  facts.id = record.getId();
  facts.name = FromText(record.getName());
  for (const auto label : record.getLabels()) {
    facts.labels.push_back(
        {.name = FromText(label.getName()), .value = FromText(label.getValue())});
  }
  facts.owner = record.getOwner();
  facts.cpus = record.getCpus();
  facts.memory_bytes = record.getMemoryBytes();
  facts.launched_at = Nanoseconds(static_cast<Nanoseconds::rep>(record.getLaunchedAt()));
  return facts;
}

[[nodiscard]] absl::Status Write(const std::string& path, kj::ArrayPtr<const kj::byte> bytes) {
  const OwnedFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kOurs));
  if (!file.valid()) return ErrnoStatus(absl::StrCat("writing ", path));
  return Annotate(WriteFully(file.get(), 0, std::as_bytes(std::span(bytes.begin(), bytes.size()))),
                  path);
}

[[nodiscard]] absl::StatusOr<kj::Array<capnp::word>> Read(const std::string& path) {
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return ErrnoStatus(absl::StrCat("opening ", path));
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t bytes, FileSize(file.get()));
  if (bytes == 0 || bytes > kMostRecordBytes || bytes % sizeof(capnp::word) != 0) {
    return absl::DataLossError(absl::StrCat(path, ": it is no record of a VM"));
  }
  auto words = kj::heapArray<capnp::word>(bytes / sizeof(capnp::word));
  kj::ArrayPtr<kj::byte> raw = words.asBytes();
  MAYFLY_RETURN_IF_ERROR(
      ReadFully(file.get(), 0, std::as_writable_bytes(std::span(raw.begin(), raw.size()))));
  return words;
}

// Nothing where nobody listens any more.
[[nodiscard]] absl::StatusOr<OwnedFd> Connect(const std::string& path) {
  MAYFLY_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::At(path));
  OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return ErrnoStatus("making a socket");
  if (::connect(socket.get(), address.get(), address.size()) == 0) return socket;
  if (errno == ECONNREFUSED || errno == ENOENT) return absl::NotFoundError("nobody listens");
  return ErrnoStatus(absl::StrCat("connecting to ", path));
}

}  // namespace

std::string VmStore::SocketPath(uint64_t id) const {
  return absl::StrCat(directory_, "/", id, kSocketSuffix);
}

std::string VmStore::RecordPath(uint64_t id) const {
  return absl::StrCat(directory_, "/", id, kRecordSuffix);
}

// Whole or not at all, should we be killed meanwhile.
absl::Status VmStore::WriteRecord(const Vm& vm, const std::string& name) const {
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t started_at, StartOf(vm.pid()));
  const std::string path = RecordPath(vm.facts().id);
  MAYFLY_RETURN_IF_ERROR(Write(path + kNewSuffix, Encode(vm, name, started_at).asBytes()));
  if (::rename((path + kNewSuffix).c_str(), path.c_str()) == 0) return absl::OkStatus();
  return ErrnoStatus(absl::StrCat("writing ", path));
}

absl::StatusOr<OwnedFd> VmStore::Add(const Vm& vm, const std::string& name) const {
  const uint64_t id = vm.facts().id;
  MAYFLY_ASSIGN_OR_RETURN(HostSocket socket, HostSocket::Bind(SocketPath(id), {}));
  const absl::Status status = WriteRecord(vm, name);
  if (status.ok()) return std::move(socket).Keep();
  Remove(id);
  return status;
}

absl::Status VmStore::Rename(const Vm& vm, const std::string& name) const {
  return WriteRecord(vm, name);
}

void VmStore::Remove(uint64_t id) const {
  ::unlink(RecordPath(id).c_str());
  ::unlink((RecordPath(id) + kNewSuffix).c_str());
  ::unlink(SocketPath(id).c_str());
}

absl::StatusOr<StoredVm> VmStore::Find(uint64_t id) const {
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd socket, Connect(SocketPath(id)));
  MAYFLY_ASSIGN_OR_RETURN(const kj::Array<capnp::word> words, Read(RecordPath(id)));
  capnp::FlatArrayMessageReader message(words);
  const auto record = message.getRoot<rpc::VmRecord>();
  const auto pid = static_cast<pid_t>(record.getPid());
  OwnedFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
  if (!pidfd.valid()) return absl::NotFoundError("its process is gone");
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t started_at, StartOf(pid));
  if (started_at != record.getStartedAt()) return absl::NotFoundError("its process is gone");
  return StoredVm{.facts = FactsOf(record),
                  .spec = SpecRecord(record.getSpec()),
                  .pid = pid,
                  .pidfd = std::move(pidfd),
                  .socket = std::move(socket)};
}

StoredVms VmStore::Load(std::vector<std::string>& complaints) const {
  std::vector<uint64_t> ids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename();
    const std::string suffix = name.substr(std::min(name.find('.'), name.size()));
    uint64_t id = 0;
    if (!absl::SimpleAtoi(name.substr(0, name.size() - suffix.size()), &id)) continue;
    ids.push_back(id);
    // One that was not finished (WriteRecord(), HostSocket::Bind()).
    if (suffix != kSocketSuffix && suffix != kRecordSuffix) ::unlink(entry.path().c_str());
  }
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  StoredVms found;
  for (const uint64_t id : ids) {
    absl::StatusOr<StoredVm> vm = absl::InternalError("");
    KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&] { vm = Find(id); })) {
      vm = absl::DataLossError(
          absl::StrCat(RecordPath(id), ": ", exception->getDescription().cStr()));
    }
    if (absl::IsNotFound(vm.status())) {
      Remove(id);
      continue;
    }
    found.highest_id = id;
    if (vm.ok()) {
      found.vms.push_back(*std::move(vm));
    } else {
      complaints.push_back(
          absl::StrCat("the detached VM ", id, " cannot be had: ", vm.status().message()));
    }
  }
  return found;
}

}  // namespace mayfly::api
