#include "api/host/program_words.h"

#include <array>
#include <cstddef>
#include <utility>

namespace mayfly::api {
namespace {

constexpr size_t kMostKept = 4096;
// Between two reads: a program that never ceases to speak must not keep others from their turns.
constexpr auto kPause = 10 * kj::MILLISECONDS;
constexpr auto kPipeFlags = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                            kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                            kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;

class Reader final {
 public:
  Reader(kj::Timer& timer, kj::Own<kj::AsyncInputStream> stream)
      : timer_(timer), stream_(kj::mv(stream)) {}
  KJ_DISALLOW_COPY(Reader);

  kj::Promise<std::string> Read() {
    return stream_->tryRead(part_.data(), 1, part_.size())
        .then([this](size_t length) -> kj::Promise<std::string> {
          if (length == 0) return std::move(text_);
          text_.append(part_.data(), length);
          if (text_.size() > kMostKept) text_.erase(0, text_.size() - kMostKept);
          return timer_.afterDelay(kPause).then([this] { return Read(); });
        });
  }

 private:
  kj::Timer& timer_;
  kj::Own<kj::AsyncInputStream> stream_;
  std::array<char, kMostKept> part_{};
  std::string text_;
};

}  // namespace

kj::Promise<std::string> ReadToEnd(kj::AsyncIoContext& io, OwnedFd pipe) {
  auto reader = kj::heap<Reader>(io.provider->getTimer(),
                                 io.lowLevelProvider->wrapInputFd(pipe.release(), kPipeFlags));
  auto text = reader->Read();
  return text.attach(kj::mv(reader));
}

}  // namespace mayfly::api
