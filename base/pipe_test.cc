#include "base/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(Pipe, LeadsFromItsWriterToItsReader) {
  const Pipe pipe = Pipe::Make().value();
  ASSERT_EQ(::write(pipe.writer.get(), "x", 1), 1);
  char byte = 0;
  ASSERT_EQ(::read(pipe.reader.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
  EXPECT_NE(::fcntl(pipe.reader.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(pipe.writer.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Pipe, NeitherEndWaitsWhereItIsToldNotTo) {
  const Pipe pipe = Pipe::MakeNonBlocking().value();
  char byte = 0;
  EXPECT_EQ(::read(pipe.reader.get(), &byte, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_NE(::fcntl(pipe.writer.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(Pipe::Make().value().writer.get(), F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace mayfly
