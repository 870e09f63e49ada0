// Standard streams in every condition, without a VM.

#include <fcntl.h>
#include <kj/async-io.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <string>
#include <utility>

#include "api/cli/input_source.h"
#include "api/cli/output_sink.h"
#include "base/owned_fd.h"
#include "base/pipe.h"
#include "base/socket_pair.h"
#include "gtest/gtest.h"

namespace {

// What the next reads of a file fail with, instead of reading.
struct ReadFaults {
  int fd = -1;
  std::deque<int> errors;
};
ReadFaults& TheReadFaults() {
  static ReadFaults faults;
  return faults;
}

}  // namespace

// In libc's place: no test can have a signal or another reader come just then.
extern "C" ssize_t read(int fd, void* bytes, size_t size) {
  ReadFaults& faults = TheReadFaults();
  if (fd == faults.fd && !faults.errors.empty()) {
    errno = faults.errors.front();
    faults.errors.pop_front();
    return -1;
  }
  return ::syscall(SYS_read, fd, bytes, size);
}

namespace mayfly::cli {
namespace {

std::string ReadUpTo(int fd, size_t size) {
  std::string text(size, '\0');
  const ssize_t got = ::read(fd, text.data(), size);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

class StreamsTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~StreamsTest() noexcept override = default;

  void Settle() {
    for (int turn = 0; turn < 20; ++turn) {
      io_.waitScope.poll();
      io_.unixEventPort.poll();
    }
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
};

using OutputSinkTest = StreamsTest;

// Much more than a pipe or a socket buffer holds.
const std::string kMuch(1'000'000, 'z');

TEST_F(OutputSinkTest, WaitsForASlowReaderOfAPipeOrASocket) {
  const Pipe pipe = Pipe::Make().value();
  const SocketPair sockets = SocketPair::Make().value();
  for (const auto& [reader, writer] : {std::pair(pipe.reader.get(), pipe.writer.get()),
                                       std::pair(sockets.theirs.get(), sockets.ours.get())}) {
    OutputSink sink(writer, io_.unixEventPort);
    bool done = false;
    auto write = sink.Write(std::as_bytes(std::span(kMuch)))
                     .then([&done] { done = true; })
                     .eagerlyEvaluate(nullptr);
    Settle();
    EXPECT_FALSE(done);
    size_t read = 0;
    while (read < kMuch.size()) {
      read += ReadUpTo(reader, 65536).size();
      Settle();
    }
    EXPECT_TRUE(done);
  }
}

TEST_F(OutputSinkTest, AbandonedItWaitsForNobody) {
  const Pipe pipe = Pipe::Make().value();
  OutputSink sink(pipe.writer.get(), io_.unixEventPort);
  auto write = sink.Write(std::as_bytes(std::span(kMuch))).eagerlyEvaluate(nullptr);
  Settle();
  sink.Abandon();
  write.wait(io_.waitScope);
  sink.Write(std::as_bytes(std::span(kMuch))).wait(io_.waitScope);
}

TEST_F(OutputSinkTest, TellsABrokenPipeAndDropsTheRest) {
  Pipe pipe = Pipe::Make().value();
  pipe.reader.Reset();
  OutputSink sink(pipe.writer.get(), io_.unixEventPort);
  sink.Write(std::as_bytes(std::span(kMuch))).wait(io_.waitScope);
  EXPECT_EQ(sink.WhenFailed().wait(io_.waitScope), EPIPE);
}

TEST_F(OutputSinkTest, TellsAReaderThatLeavesWhileItIsWaitedFor) {
  Pipe pipe = Pipe::Make().value();
  OutputSink sink(pipe.writer.get(), io_.unixEventPort);
  auto write = sink.Write(std::as_bytes(std::span(kMuch))).eagerlyEvaluate(nullptr);
  Settle();
  pipe.reader.Reset();
  EXPECT_EQ(sink.WhenFailed().wait(io_.waitScope), EPIPE);
}

TEST_F(OutputSinkTest, TellsAFullDisk) {
  const OwnedFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  OutputSink sink(full.get(), io_.unixEventPort);
  sink.Write(std::as_bytes(std::span(kMuch))).wait(io_.waitScope);
  EXPECT_EQ(sink.WhenFailed().wait(io_.waitScope), ENOSPC);
}

// The guest's end.
class Guest final : public rpc::ByteStream::Server {
 public:
  explicit Guest(std::string& text) : text_(text) {}

 protected:
  kj::Promise<void> write(WriteContext context) override {
    const auto bytes = context.getParams().getBytes();
    text_.append(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
    if (text_.ends_with("full")) {
      return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__,
                           kj::heapString("gone"));
    }
    return kj::READY_NOW;
  }

 private:
  std::string& text_;
};

class InputSourceTest : public StreamsTest {
 protected:
  InputSource::End Carry(int fd, InputSource::Escape escape) {
    InputSource source(fd, escape, io_.unixEventPort);
    return source.Carry(kj::heap<Guest>(guest_)).wait(io_.waitScope);
  }

  std::string guest_;
};

TEST_F(InputSourceTest, CarriesAPipeToItsEnd) {
  Pipe pipe = Pipe::Make().value();
  InputSource source(pipe.reader.get(), InputSource::Escape::kNone, io_.unixEventPort);
  auto end = source.Carry(kj::heap<Guest>(guest_));
  Settle();
  EXPECT_EQ(::write(pipe.writer.get(), "ab", 2), 2);
  Settle();
  EXPECT_EQ(guest_, "ab");
  EXPECT_EQ(::write(pipe.writer.get(), "\x1dq", 2), 2);
  pipe.writer.Reset();
  EXPECT_EQ(end.wait(io_.waitScope), InputSource::End::kEndOfInput);
  EXPECT_EQ(guest_, "ab\x1dq") << "a pipe has no escape";
}

TEST_F(InputSourceTest, CarriesAFileToItsEnd) {
  const OwnedFd file(::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(Carry(file.get(), InputSource::Escape::kNone), InputSource::End::kEndOfInput);
  EXPECT_FALSE(guest_.empty());
}

TEST_F(InputSourceTest, WhatCannotBeReadIsAnEnd) {
  const OwnedFd directory(::open("/", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(Carry(directory.get(), InputSource::Escape::kNone), InputSource::End::kEndOfInput);
}

TEST_F(InputSourceTest, WhatCannotBeReadJustNowIsReadLater) {
  Pipe pipe = Pipe::Make().value();
  EXPECT_EQ(::write(pipe.writer.get(), "ab", 2), 2);
  pipe.writer.Reset();
  TheReadFaults() = {.fd = pipe.reader.get(), .errors = {EINTR, EAGAIN, EAGAIN}};
  EXPECT_EQ(Carry(pipe.reader.get(), InputSource::Escape::kNone), InputSource::End::kEndOfInput);
  EXPECT_EQ(guest_, "ab");
  EXPECT_TRUE(TheReadFaults().errors.empty());
}

TEST_F(InputSourceTest, TheEscapeQuits) {
  const Pipe pipe = Pipe::Make().value();
  EXPECT_EQ(::write(pipe.writer.get(), "ab\x1dqcd", 6), 6);
  EXPECT_EQ(Carry(pipe.reader.get(), InputSource::Escape::kCtrlQ), InputSource::End::kQuit);
}

TEST_F(InputSourceTest, AGuestThatIsGoneIsAnEnd) {
  const Pipe pipe = Pipe::Make().value();
  EXPECT_EQ(::write(pipe.writer.get(), "full", 4), 4);
  EXPECT_EQ(Carry(pipe.reader.get(), InputSource::Escape::kNone), InputSource::End::kEndOfInput);
}

}  // namespace
}  // namespace mayfly::cli
