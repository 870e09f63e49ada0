#include "tests/bench/host_client.h"

#include <fcntl.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "base/status.h"

namespace mayfly::bench {
namespace {

// The promises of KJ end in exceptions.
template <typename Value>
absl::StatusOr<Value> Await(kj::Promise<Value> promise, kj::WaitScope& scope) {
  return promise
      .then([](Value&& value) { return absl::StatusOr<Value>(std::move(value)); },
            [](kj::Exception&& exception) {
              return absl::StatusOr<Value>(api::FromException(exception));
            })
      .wait(scope);
}

}  // namespace

absl::StatusOr<HostClient> HostClient::Open(kj::AsyncIoContext& io, const std::string& socket) {
  MAYFLY_ASSIGN_OR_RETURN(auto connection, api::HostConnection::Open(io, socket));
  return HostClient(io, kj::mv(connection));
}

absl::StatusOr<Nanoseconds> HostClient::CallOnce() {
  const Nanoseconds begin = MonotonicNow();
  auto request = host_.listRequest();
  request.initLabels(1)[0].setName("nobodys");
  return Await(request.send().then([begin](auto&&) { return MonotonicNow() - begin; }),
               io_->waitScope);
}

absl::StatusOr<Nanoseconds> HostClient::ListAll(size_t expected) {
  const Nanoseconds begin = MonotonicNow();
  MAYFLY_ASSIGN_OR_RETURN(const size_t found,
                          Await(host_.listRequest().send().then([](auto&& answer) {
                            return size_t{answer.getMachines().size()};
                          }),
                                io_->waitScope));
  if (found == expected) return MonotonicNow() - begin;
  return absl::InternalError(absl::StrCat(found, " VMs are listed, not ", expected));
}

absl::StatusOr<HostClient::Launches> HostClient::Run(const std::string& kernel, size_t count) {
  Launches launches;
  const Nanoseconds begin = MonotonicNow();
  auto ends = kj::heapArrayBuilder<kj::Promise<Nanoseconds>>(count);
  for (size_t i = 0; i < count; ++i) {
    const Nanoseconds own_begin = MonotonicNow();
    MAYFLY_ASSIGN_OR_RETURN(rpc::Machine::Client machine, Launch(kernel));
    auto wait = machine.waitRequest().send();
    ends.add(wait.then([own_begin, machine = kj::mv(machine)](auto&& answer) {
      const rpc::ExitStatus::Reader status = answer.getStatus();
      KJ_REQUIRE(status.getReason() == rpc::ExitReason::STATUS && status.getStatus() == 0,
                 status.getDetail());
      return MonotonicNow() - own_begin;
    }));
  }
  MAYFLY_ASSIGN_OR_RETURN(const kj::Array<Nanoseconds> each,
                          Await(kj::joinPromises(ends.finish()), io_->waitScope));
  launches.all = MonotonicNow() - begin;
  launches.each.assign(each.begin(), each.end());
  return launches;
}

absl::Status HostClient::Keep(const std::string& kernel, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    MAYFLY_ASSIGN_OR_RETURN(rpc::Machine::Client machine, Launch(kernel));
    MAYFLY_RETURN_IF_ERROR(
        Await(machine.timelineRequest().send().then([](auto&&) { return 0; }), io_->waitScope)
            .status());
    kept_.push_back(kj::mv(machine));
  }
  return absl::OkStatus();
}

absl::StatusOr<rpc::Machine::Client> HostClient::Launch(const std::string& kernel) {
  OwnedFd file(::open(kernel.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus("opening " + kernel);
  auto request = host_.launchRequest();
  auto named = request.initSpec().initKernel();
  named.setFile(kj::heap<api::FdFile>(std::move(file)));
  named.setName(kernel);
  request.setStart(true);
  return request.send().getMachine();
}

}  // namespace mayfly::bench
