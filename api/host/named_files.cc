#include "api/host/named_files.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/codec/fd_file.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/machine_spec.h"
#include "api/codec/rpc_status.h"
#include "api/codec/text.h"
#include "api/host/opener.capnp.h"
#include "base/pipe.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

// Each is a process, which no limit of the VM's is for.
constexpr size_t kMostUserNets = 4;

enum class Use { kKernel, kInitrd, kDiskToRead, kDiskToWrite, kOverlay };

// Calls `visit_file` with the name of the field, what the file is for, and the file, for each that
// is named and not brought, and `visit_net` with the field and the network device, for each that is
// to be made. `Spec` is a reader or a builder.
template <typename Spec, typename VisitFile, typename VisitNet>
void VisitNames(Spec spec, const VisitFile& visit_file, const VisitNet& visit_net) {
  const auto look = [&visit_file](const std::string& field, Use use, auto file) {
    if (!file.hasFile() && file.getName().size() != 0) visit_file(field, use, file);
  };
  if (spec.hasKernel()) look("kernel", Use::kKernel, spec.getKernel());
  if (spec.hasInitrd()) look("initrd", Use::kInitrd, spec.getInitrd());
  unsigned position = 0;
  if (spec.hasDisks()) {
    for (auto disk : spec.getDisks()) {
      const std::string field = absl::StrCat("disks[", position++, "]");
      const bool is_read = disk.getReadOnly() || disk.hasOverlay();
      if (disk.hasImage()) {
        look(field + ".image", is_read ? Use::kDiskToRead : Use::kDiskToWrite, disk.getImage());
      }
      if (!disk.hasOverlay()) continue;
      auto upper = disk.getOverlay().getUpper();
      if (upper.isFile()) look(field + ".overlay.upper.file", Use::kOverlay, upper.getFile());
    }
  }
  position = 0;
  if (!spec.hasNets()) return;
  for (auto net : spec.getNets()) {
    const std::string field = absl::StrCat("nets[", position++, "].backend");
    auto backend = net.getBackend();
    if (backend.isTapNamed() || backend.isUser()) visit_net(field, net);
  }
}

// What is to be opened.
struct Plan {
  std::vector<std::string> fields;
  std::vector<size_t> descriptors;  // of each
  size_t user_nets = 0;
};

[[nodiscard]] absl::Status PlanNet(const std::string& field, rpc::Net::Reader net, Plan& plan) {
  if (net.getBackend().isTapNamed()) {
    if (net.getBackend().getTapNamed().size() == 0) {
      return BadField(field + ".tapNamed", "give the interface's name");
    }
    if (net.getQueuePairs() == 0) return BadField(field, "a tap has one queue pair or more");
    plan.fields.push_back(field + ".tapNamed");
    plan.descriptors.push_back(net.getQueuePairs());
    return absl::OkStatus();
  }
  if (plan.user_nets == kMostUserNets) {
    return absl::ResourceExhaustedError(
        absl::StrCat(field, ": a VM has at most ", kMostUserNets, " networks of its user's"));
  }
  ++plan.user_nets;
  plan.fields.push_back(field + ".user");
  plan.descriptors.push_back(1);
  return absl::OkStatus();
}

[[nodiscard]] absl::StatusOr<Plan> MakePlan(rpc::MachineSpec::Reader spec) {
  Plan plan;
  absl::Status status;
  VisitNames(
      spec,
      [&](const std::string& field, Use /*use*/, rpc::NamedFile::Reader file) {
        if (!FromText(file.getName()).starts_with('/')) {
          status.Update(BadField(
              field + ".name",
              absl::StrCat(file.getName().cStr(), " is not an absolute path, and the host service ",
                           "has a working directory of its own; give the path from /, or send an ",
                           "open file")));
        }
        plan.fields.push_back(field);
        plan.descriptors.push_back(1);
      },
      [&](const std::string& field, rpc::Net::Reader net) {
        if (status.ok()) status = PlanNet(field, net, plan);
      });
  if (!status.ok()) return status;
  size_t all = 0;
  for (const size_t descriptors : plan.descriptors) all += descriptors;
  if (all <= kMaxFdsPerMessage) return plan;
  return BadField("spec", absl::StrCat("it names what takes ", all, " descriptors; at most ",
                                       kMaxFdsPerMessage, " are taken"));
}

void SetPath(Use use, capnp::Text::Reader path, rpc::Wanted::Builder wanted) {
  switch (use) {
    case Use::kKernel:
      return wanted.setKernel(path);
    case Use::kInitrd:
      return wanted.setInitrd(path);
    case Use::kDiskToRead:
      return wanted.setDiskToRead(path);
    case Use::kDiskToWrite:
      return wanted.setDiskToWrite(path);
    case Use::kOverlay:
      return wanted.setOverlay(path);
  }
}

// `words` gets our ends of the pipes that are for the user networks.
void FillRequest(rpc::MachineSpec::Reader spec, const std::vector<std::string>& fields,
                 std::vector<OwnedFd>& words, rpc::Opener::OpenParams::Builder params) {
  auto list = params.initWanted(static_cast<capnp::uint>(fields.size()));
  capnp::uint next = 0;
  const auto append = [&] {
    auto wanted = list[next];
    wanted.setField(ToText(fields[next++]));
    return wanted;
  };
  VisitNames(
      spec,
      [&](const std::string& /*field*/, Use use, rpc::NamedFile::Reader file) {
        SetPath(use, file.getName(), append());
      },
      [&](const std::string& /*field*/, rpc::Net::Reader net) {
        auto wanted = append();
        if (net.getBackend().isTapNamed()) {
          auto tap = wanted.initTap();
          tap.setName(net.getBackend().getTapNamed());
          tap.setQueuePairs(net.getQueuePairs());
          return;
        }
        auto user = wanted.initUser();
        user.setNet(net.getBackend().getUser());
        user.setMtu(net.getMtu());
        // Who speaks must not wait for us to listen.
        absl::StatusOr<Pipe> pipe = Pipe::MakeNonBlocking();
        if (!pipe.ok()) kj::throwFatalException(ToException(pipe.status()));
        words.push_back(std::move(pipe->reader));
        user.setWords(kj::heap<FdFile>(std::move(pipe->writer)));
      });
}

// What has answered is not to be trusted more than its user.
[[nodiscard]] bool IsAsPlanned(const Openers::Files& files,
                               const std::vector<size_t>& descriptors) {
  if (files.size() != descriptors.size()) return false;
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].size() != descriptors[i]) return false;
  }
  return true;
}

}  // namespace

bool NamedFiles::AreIn(rpc::MachineSpec::Reader spec) {
  bool are = false;
  VisitNames(
      spec, [&](const std::string&, Use, rpc::NamedFile::Reader) { are = true; },
      [&](const std::string&, rpc::Net::Reader) { are = true; });
  return are;
}

kj::Promise<NamedFiles> NamedFiles::Open(Openers& openers, const Peer& peer,
                                         rpc::MachineSpec::Reader spec) {
  absl::StatusOr<Plan> plan = MakePlan(spec);
  if (!plan.ok()) return ToException(plan.status());
  // Made when it is this launch's turn: those that wait have no descriptors.
  auto words = std::make_shared<std::vector<OwnedFd>>();
  std::vector<std::string> all = plan->fields;
  auto opened = openers.Open(peer, [spec, fields = std::move(plan->fields),
                                    words](rpc::Opener::OpenParams::Builder params) {
    FillRequest(spec, fields, *words, params);
  });
  return opened.then(
      [planned = std::move(plan->descriptors),
       words = std::move(words)](Openers::Files found) mutable -> kj::Promise<NamedFiles> {
        if (!IsAsPlanned(found, planned)) {
          return ToException(absl::UnavailableError("what has been opened is not what was named"));
        }
        NamedFiles files;
        files.files_ = std::move(found);
        files.words_ = std::move(*words);
        return files;
      },
      [all = std::move(all)](kj::Exception&& exception) -> kj::Promise<NamedFiles> {
        const absl::Status status = FromException(exception);
        const bool is_about_one = std::ranges::any_of(all, [&](const std::string& field) {
          return absl::StartsWith(status.message(), field);
        });
        return ToException(is_about_one ? status : Annotate(status, absl::StrJoin(all, ", ")));
      });
}

void NamedFiles::PutInto(rpc::MachineSpec::Builder spec) {
  auto next = files_.begin();
  VisitNames(
      spec,
      [&next](const std::string& /*field*/, Use /*use*/, rpc::NamedFile::Builder file) {
        file.setFile(kj::heap<FdFile>(std::move((next++)->front())));
      },
      [&next](const std::string& /*field*/, rpc::Net::Builder net) {
        std::vector<OwnedFd>& files = *next++;
        auto backend = net.getBackend();
        if (backend.isUser()) {
          net.setName("user");
          backend.setPasst(kj::heap<FdFile>(std::move(files.front())));
          return;
        }
        net.setName(absl::StrCat("tap ", backend.getTapNamed().cStr()).c_str());
        auto queues = backend.initTap(static_cast<capnp::uint>(files.size()));
        for (capnp::uint i = 0; i < queues.size(); ++i) {
          queues.set(i, kj::heap<FdFile>(std::move(files[i])));
        }
      });
  files_.clear();
}

}  // namespace mayfly::api
