// Both directions of the console, between a vmm::Console and streams of a client.

#include <kj/async-io.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/codec/rpc_status.h"
#include "api/server/console_pump.h"
#include "api/server/input_gate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/console.h"

namespace mayfly::api {
namespace {

using ::testing::HasSubstr;

// A client's end: keeps what comes, as slowly as the test wants.
class Reader final : public rpc::ByteStream::Server {
 public:
  struct Record {
    std::string text;
    unsigned writes = 0;
    bool ended = false;
    kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> taking;  // a write that waits
  };

  Reader(Record& record, bool slow) : record_(record), slow_(slow) {}

 protected:
  kj::Promise<void> write(WriteContext context) override {
    const auto bytes = context.getParams().getBytes();
    ++record_.writes;
    record_.text.append(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
    if (!slow_) return kj::READY_NOW;
    auto pair = kj::newPromiseAndFulfiller<void>();
    record_.taking = std::move(pair.fulfiller);
    return std::move(pair.promise);
  }
  kj::Promise<void> end(EndContext) override {
    record_.ended = true;
    return kj::READY_NOW;
  }

 private:
  Record& record_;
  const bool slow_;
};

class ConsoleTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~ConsoleTest() noexcept override = default;

  void SetUp() override {
    auto console = vmm::Console::Create();
    ASSERT_TRUE(console.ok()) << console.status();
    console_ = *std::move(console);
  }

  void GuestWrites(std::string_view text) {
    for (const char byte : text) console_->PutOutput(static_cast<std::byte>(byte));
  }
  std::string GuestReads() {
    std::string text;
    while (const auto byte = console_->TakeInput()) text.push_back(static_cast<char>(*byte));
    return text;
  }
  // Lets the loop do what there is to do; wake-ups through the kernel included.
  void Settle() {
    for (int turn = 0; turn < 20; ++turn) {
      io_.waitScope.poll();
      io_.unixEventPort.poll();
    }
  }
  rpc::ByteStream::Client MakeReader(Reader::Record& record, bool slow = false) {
    return kj::heap<Reader>(record, slow);
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  std::unique_ptr<vmm::Console> console_;
};

TEST_F(ConsoleTest, OutputBeforeAndAfterTheReaderCame) {
  ConsolePump pump(*console_, io_.unixEventPort);
  GuestWrites("early ");
  Reader::Record record;
  pump.Attach(MakeReader(record));
  Settle();
  EXPECT_EQ(record.text, "early ");
  GuestWrites("late");
  Settle();
  EXPECT_EQ(record.text, "early late");
  EXPECT_FALSE(record.ended);
}

TEST_F(ConsoleTest, FinishSendsTheRestAndTheEnd) {
  ConsolePump pump(*console_, io_.unixEventPort);
  Reader::Record record;
  pump.Attach(MakeReader(record));
  Settle();
  const std::string much(100'000, 'x');
  GuestWrites(much);
  pump.Finish().wait(io_.waitScope);
  Settle();
  EXPECT_EQ(record.text, much);
  EXPECT_TRUE(record.ended);
}

TEST_F(ConsoleTest, FinishWaitsForNobody) {
  ConsolePump pump(*console_, io_.unixEventPort);
  GuestWrites("unread");
  pump.Finish().wait(io_.waitScope);
  Reader::Record record;
  pump.Attach(MakeReader(record));  // later all the same
  Settle();
  EXPECT_EQ(record.text, "unread");
  EXPECT_TRUE(record.ended);
}

TEST_F(ConsoleTest, ASlowReaderIsSentNoMoreThanItTakesAndToldItsLoss) {
  ConsolePump pump(*console_, io_.unixEventPort);
  Reader::Record record;
  pump.Attach(MakeReader(record, /*slow=*/true));
  GuestWrites("first");
  Settle();
  ASSERT_EQ(record.text, "first");
  constexpr size_t kLost = 1000;
  GuestWrites(std::string(vmm::Console::kOutputCapacity + kLost, 'y'));
  Settle();
  EXPECT_EQ(record.text, "first") << "it has not taken that yet";
  KJ_IF_MAYBE (taking, record.taking) (*taking)->fulfill();
  Settle();
  EXPECT_THAT(record.text, HasSubstr("[mayfly: 1000 bytes of console output were lost here]"));
}

TEST_F(ConsoleTest, WhatComesByteByByteWhileTheReaderIsSlowGoesTogether) {
  ConsolePump pump(*console_, io_.unixEventPort);
  Reader::Record record;
  pump.Attach(MakeReader(record, /*slow=*/true));
  constexpr unsigned kBytes = 100;
  for (unsigned byte = 0; byte < kBytes; ++byte) {
    GuestWrites("z");
    Settle();
  }
  for (unsigned byte = 0; byte < kBytes && record.text.size() != kBytes; ++byte) {
    KJ_IF_MAYBE (taking, record.taking) (*taking)->fulfill();
    Settle();
  }
  EXPECT_EQ(record.text, std::string(kBytes, 'z'));
  EXPECT_LE(record.writes, ConsolePump::kMostUnderWay + 1);
}

TEST_F(ConsoleTest, ALaterReaderTakesOver) {
  ConsolePump pump(*console_, io_.unixEventPort);
  Reader::Record first;
  Reader::Record second;
  pump.Attach(MakeReader(first));
  Settle();
  pump.Attach(MakeReader(second));
  GuestWrites("for the second");
  Settle();
  EXPECT_EQ(first.text, "");
  EXPECT_EQ(second.text, "for the second");
}

// A client that cannot be written to.
class BrokenReader final : public rpc::ByteStream::Server {
 protected:
  kj::Promise<void> write(WriteContext) override {
    return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__,
                         kj::heapString("gone"));
  }
};

TEST_F(ConsoleTest, AReaderThatFailsHoldsUpNothing) {
  ConsolePump pump(*console_, io_.unixEventPort);
  pump.Attach(kj::heap<BrokenReader>());
  GuestWrites("lost");
  Settle();
  pump.Finish().wait(io_.waitScope);
}

TEST_F(ConsoleTest, InputReachesTheGuest) {
  InputGate gate(*console_, io_.unixEventPort);
  const std::string text = "keys";
  gate.Write(gate.Admit(), std::as_bytes(std::span(text))).wait(io_.waitScope);
  EXPECT_EQ(GuestReads(), "keys");
}

TEST_F(ConsoleTest, InputWaitsForTheGuest) {
  InputGate gate(*console_, io_.unixEventPort);
  const std::string text(3 * vmm::Console::kInputCapacity, 'k');
  bool done = false;
  auto write = gate.Write(gate.Admit(), std::as_bytes(std::span(text)))
                   .then([&done] { done = true; })
                   .eagerlyEvaluate(nullptr);
  Settle();
  EXPECT_FALSE(done);
  std::string read;
  for (int turn = 0; turn < 10 && !done; ++turn) {
    read += GuestReads();
    Settle();
  }
  read += GuestReads();
  EXPECT_TRUE(done);
  EXPECT_TRUE(read == text);
}

TEST_F(ConsoleTest, ALaterWriterShutsOutTheEarlier) {
  InputGate gate(*console_, io_.unixEventPort);
  const auto first = gate.Admit();
  const std::string text(2 * vmm::Console::kInputCapacity, 'k');
  absl::Status waiting;
  auto write =
      gate.Write(first, std::as_bytes(std::span(text)))
          .catch_([&waiting](kj::Exception&& exception) { waiting = FromException(exception); })
          .eagerlyEvaluate(nullptr);
  Settle();
  const auto second = gate.Admit();
  Settle();
  EXPECT_EQ(waiting.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THROW(gate.Write(first, std::as_bytes(std::span(text))).wait(io_.waitScope),
               kj::Exception);
  (void)GuestReads();
  const std::string fine = "fine";
  gate.Write(second, std::as_bytes(std::span(fine))).wait(io_.waitScope);
  EXPECT_EQ(GuestReads(), "fine");
}

}  // namespace
}  // namespace mayfly::api
