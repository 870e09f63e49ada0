#include "api/client/paced_messages.h"

#include <capnp/message.h>
#include <kj/async-io.h>

#include "api/mayfly.capnp.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

class PacedMessagesTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~PacedMessagesTest() noexcept override = default;

  static void Fill(capnp::MallocMessageBuilder& message) {
    message.initRoot<rpc::ExitStatus>().setStatus(42);
  }
  auto Read() { return messages_.tryReadMessage(nullptr, {}, nullptr); }
  void Write() {
    capnp::MallocMessageBuilder message;
    Fill(message);
    messages_.writeMessage(nullptr, message.getSegmentsForOutput()).wait(io_.waitScope);
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  kj::CapabilityPipe pipe_ = io_.provider->newCapabilityPipe();
  size_t queued_ = 0;
  PacedMessages messages_{*pipe_.ends[0], [this] { return queued_; }};
  capnp::AsyncCapabilityMessageStream peer_{*pipe_.ends[1]};
};

TEST_F(PacedMessagesTest, ReadsOnWhenEnoughHasBeenWritten) {
  capnp::MallocMessageBuilder message;
  Fill(message);
  peer_.writeMessage(nullptr, message.getSegmentsForOutput()).wait(io_.waitScope);
  queued_ = PacedMessages::kMostQueued + 1;
  auto read = Read();
  EXPECT_FALSE(read.poll(io_.waitScope));
  Write();
  EXPECT_FALSE(read.poll(io_.waitScope)) << "not yet";
  queued_ = PacedMessages::kMostQueued;
  Write();
  ASSERT_TRUE(read.poll(io_.waitScope));
  KJ_IF_MAYBE (got, read.wait(io_.waitScope)) {
    EXPECT_EQ(got->reader->getRoot<rpc::ExitStatus>().getStatus(), 42);
  } else {
    FAIL() << "the end";
  }
}

TEST_F(PacedMessagesTest, AReadThatIsGivenUpIsNotWoken) {
  queued_ = PacedMessages::kMostQueued + 1;
  { auto read = Read(); }
  queued_ = 0;
  Write();
  auto read = Read();
  EXPECT_FALSE(read.poll(io_.waitScope)) << "nothing was sent";
}

}  // namespace
}  // namespace mayfly::api
