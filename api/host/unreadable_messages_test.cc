// Messages that are whole, and in which something cannot be read: each is answered with an error
// that says so, and counts as the failed launch that it is, and the next one is served.

#include <capnp/any.h>
#include <fcntl.h>
#include <kj/async-io.h>

#include <functional>
#include <string>
#include <vector>

#include "api/client/host_connection.h"
#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "api/host/fake_host.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using testing::FakeHost;
using ::testing::HasSubstr;
using LaunchRequest = capnp::Request<rpc::Host::LaunchParams, rpc::Host::LaunchResults>;

// More than Cap'n Proto follows (ReaderOptions::nestingLimit: 64).
constexpr unsigned kDeep = 100;
// More fields than any struct of ours has, as a newer client's may.
constexpr uint16_t kNewDataWords = 8;
constexpr uint16_t kNewPointers = 32;

// A pointer to a pointer to a pointer...
void Nest(capnp::AnyPointer::Builder pointer, unsigned levels) {
  for (; levels > 0; --levels) {
    pointer = pointer.initAsAnyStruct(0, 1).getPointerSection()[0];
  }
}

class UnreadableMessagesTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~UnreadableMessagesTest() noexcept override = default;

  template <typename Promise>
  [[nodiscard]] absl::Status StatusOf(Promise promise) {
    return promise.ignoreResult()
        .then([] { return absl::OkStatus(); },
              [](kj::Exception&& exception) { return FromException(exception); })
        .wait(io_.waitScope);
  }
  [[nodiscard]] absl::Status LaunchError(const std::function<void(LaunchRequest&)>& spoil) {
    auto request = client_.host().launchRequest();
    request.initSpec().initKernel().setFile(
        kj::heap<FdFile>(OwnedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
    spoil(request);
    return StatusOf(request.send());
  }
  [[nodiscard]] rpc::Machine::Client Machine() {
    auto request = client_.host().getRequest();
    request.setName(FakeHost::kVm);
    return request.send().getMachine();
  }
  [[nodiscard]] uint64_t Failures() {
    return client_.host().statsRequest().send().wait(io_.waitScope).getStats().getFailures();
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  FakeHost host_{io_, ::testing::TempDir()};
  HostConnection client_{io_.lowLevelProvider->wrapUnixSocketFd(
      host_.Connect().release(), kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                                     kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                                     kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK)};
};

TEST_F(UnreadableMessagesTest, ALaunchIsRefusedAndCounted) {
  const std::vector<std::function<void(LaunchRequest&)>> spoilers = {
      // A field that only a newer service would know.
      [](LaunchRequest& request) {
        auto spec = capnp::toAny(request).getPointerSection()[0].initAsAnyStruct(kNewDataWords,
                                                                                 kNewPointers);
        Nest(spec.getPointerSection()[kNewPointers - 1], kDeep);
      },
      [](LaunchRequest& request) { Nest(capnp::toAny(request).getPointerSection()[0], kDeep); },
      // A text where the specification should be, structs where the name and a stream should.
      [](LaunchRequest& request) {
        capnp::toAny(request).getPointerSection()[0].setAs<capnp::Text>("spec");
      },
      [](LaunchRequest& request) { Nest(capnp::toAny(request).getPointerSection()[1], 1); },
      [](LaunchRequest& request) { Nest(capnp::toAny(request).getPointerSection()[2], 1); }};
  uint64_t failures = 0;
  for (const auto& spoil : spoilers) {
    const absl::Status status = LaunchError(spoil);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << failures << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("spec: it cannot be read: ")) << failures;
    EXPECT_EQ(Failures(), ++failures);
  }
  // A good one comes further.
  EXPECT_TRUE(absl::IsUnavailable(LaunchError([](LaunchRequest&) {})));
}

TEST_F(UnreadableMessagesTest, ACallOfTheHostsOwnIsRefused) {
  auto get = client_.host().getRequest();
  Nest(capnp::toAny(get).getPointerSection()[0], 1);
  EXPECT_THAT(StatusOf(get.send()).ToString(),
              HasSubstr("INVALID_ARGUMENT: parameters: it cannot be read: "));
  auto list = client_.host().listRequest();
  Nest(capnp::toAny(list).getPointerSection()[0], kDeep);
  EXPECT_THAT(StatusOf(list.send()).ToString(),
              HasSubstr("INVALID_ARGUMENT: parameters: it cannot be read: "));
  EXPECT_EQ(StatusOf(Machine().statsRequest().send()), absl::OkStatus());
}

TEST_F(UnreadableMessagesTest, ACallThatIsForwardedToAVmIsRefused) {
  constexpr uint16_t kTimeline = 4;  // the method's number in the schema
  auto machine = Machine();
  auto request = machine.typelessRequest(capnp::typeId<rpc::Machine>(), kTimeline, nullptr);
  Nest(request, kDeep);
  EXPECT_THAT(StatusOf(request.send()).ToString(),
              HasSubstr("INVALID_ARGUMENT: parameters: it cannot be read: "));
  EXPECT_EQ(StatusOf(machine.statsRequest().send()), absl::OkStatus());
  EXPECT_TRUE(host_.IsAsAtFirst());
}

}  // namespace
}  // namespace mayfly::api
