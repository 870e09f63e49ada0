#include "api/host/fake_host.h"

#include <fcntl.h>
#include <kj/debug.h>
#include <stdlib.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace mayfly::api::testing {
namespace {

constexpr unsigned kMostConnections = 40;

[[nodiscard]] VmFacts Facts() {
  VmFacts facts;
  facts.id = 1;
  facts.name = FakeHost::kVm;
  return facts;
}

}  // namespace

ScratchDirectory::ScratchDirectory(const std::string& parent) : path_(parent + "/mayfly-XXXXXX") {
  KJ_ASSERT(::mkdtemp(path_.data()) != nullptr, path_);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

OwnedFd FakeHost::NonBlocking(OwnedFd socket) {
  KJ_SYSCALL(::fcntl(socket.get(), F_SETFL, O_NONBLOCK));
  return socket;
}

FakeHost::FakeHost(kj::AsyncIoContext& io, const std::string& parent)
    : io_(io),
      directory_(parent),
      accepting_(NonBlocking(listening_.Duplicate())),
      vmm_(io, VmStore(directory_.path()), Facts(), behaviour_),
      fleet_(io, NoResources(), config_, HostBudget{}, directory_.path()),
      drained_(fleet_.Drain()),
      door_(io, accepting_.get(), fleet_, config_, kMostConnections) {
  std::vector<std::string> complaints;
  fleet_.AdoptAll(complaints);
  KJ_ASSERT(complaints.empty(), complaints.front());
}

// A VM that was attached is on its way out.
FakeHost::~FakeHost() noexcept(false) { fleet_.Close().wait(io_.waitScope); }

bool FakeHost::IsAsAtFirst() {
  bool is_there = false;
  fleet_.ForEach([&](const Vm& vm) {
    is_there = vm.facts().name == kVm && vm.keeping() == VmKeeping::kDetached;
  });
  return is_there && vmm_.Lives();
}

}  // namespace mayfly::api::testing
