// What a host service offers, before bytes of any kind from a client, in pieces of any size, each
// with an open file: it answers, or breaks the connection, and others are served. The VM that it
// has answers what it is asked; none is launched.

#include <fcntl.h>
#include <kj/async-io.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "api/client/host_connection.h"
#include "api/host/fake_host.h"
#include "api/host/host_log.h"
#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"

namespace mayfly::api {
namespace {

using testing::FakeHost;

// A turn takes what has come, and a connection that is closed is noticed in a few.
constexpr unsigned kMostTurns = 10'000;
constexpr auto kSocketFlags = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                              kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                              kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

class Fuzz final {
 public:
  Fuzz() { SetLogLevel(LogLevel::ERROR); }

  void Run(ByteSource input) {
    // One input does not change what the next one meets.
    if (host_ == nullptr || !host_->IsAsAtFirst()) Begin();
    {
      auto client = Connect();
      auto heard = client->readAllBytes().ignoreResult().catch_([](kj::Exception&&) {});
      while (!input.empty()) {
        const auto piece = input.TakeBytes(1 + input.Take<uint16_t>());
        if (piece.empty()) break;
        const int file = file_.get();
        // A broken connection is what some input asks for.
        auto sent = kj::evalNow([&] {
                      return client->writeWithFds(kj::arrayPtr(piece.data(), piece.size()), nullptr,
                                                  kj::arrayPtr(&file, 1));
                    }).catch_([](kj::Exception&&) {});
        io_.waitScope.poll();
        if (!sent.poll(io_.waitScope)) break;  // nobody reads any more
      }
      client->shutdownWrite();
      io_.waitScope.poll();
    }
    Await([this] { return host_->connections() == 1; });
    auto listed = onlooker_->host().listRequest().send();
    Await([&] { return listed.poll(io_.waitScope); });
    (void)listed.wait(io_.waitScope);
    Require(host_->fleet().counters().launches == 0);
  }

 private:
  void Begin() {
    onlooker_.reset();
    host_.reset();
    host_ = std::make_unique<FakeHost>(io_, Directory());
    onlooker_ = std::make_unique<HostConnection>(Connect());
    (void)onlooker_->host().capacityRequest().send().wait(io_.waitScope);
  }
  [[nodiscard]] static std::string Directory() {
    const char* const of_test = std::getenv("TEST_TMPDIR");
    return of_test != nullptr ? of_test : std::filesystem::temp_directory_path().string();
  }
  [[nodiscard]] kj::Own<kj::AsyncCapabilityStream> Connect() {
    return io_.lowLevelProvider->wrapUnixSocketFd(host_->Connect().release(), kSocketFlags);
  }
  template <typename IsSo>
  void Await(const IsSo& is_so) {
    for (unsigned turn = 0; !is_so(); ++turn) {
      Require(turn < kMostTurns);
      io_.waitScope.poll();
    }
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  const OwnedFd file_{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  std::unique_ptr<FakeHost> host_;
  std::unique_ptr<HostConnection> onlooker_;
};

}  // namespace
}  // namespace mayfly::api

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static mayfly::api::Fuzz fuzz;
  fuzz.Run(mayfly::ByteSource(data, size));
  return 0;
}
