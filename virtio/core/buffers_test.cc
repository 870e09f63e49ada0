#include "virtio/core/buffers.h"

#include <array>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly::virtio {
namespace {

class BuffersTest : public ::testing::Test {
 protected:
  BuffersTest() {
    for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::byte>(i);
    buffers_.Append(&bytes_[0], 3);
    buffers_.Append(&bytes_[3], 0);
    buffers_.Append(&bytes_[3], 1);
    buffers_.Append(&bytes_[4], 4);
  }

  std::array<std::byte, 8> bytes_{};
  Buffers buffers_;
};

TEST_F(BuffersTest, LeavesOutEmptyPieces) {
  EXPECT_EQ(buffers_.pieces().size(), 3U);
  EXPECT_EQ(buffers_.size(), 8U);
}

TEST_F(BuffersTest, TakesBytesAcrossSeams) {
  std::array<std::byte, 5> out{};
  ASSERT_TRUE(buffers_.TakeFront(out));
  EXPECT_EQ(out[4], std::byte{4});
  EXPECT_EQ(buffers_.size(), 3U);
  ASSERT_EQ(buffers_.pieces().size(), 1U);
  EXPECT_EQ(buffers_.pieces()[0].iov_base, &bytes_[5]);
  EXPECT_EQ(buffers_.pieces()[0].iov_len, 3U);
}

TEST_F(BuffersTest, TakesAllOrNothing) {
  std::array<std::byte, 9> more{};
  EXPECT_FALSE(buffers_.TakeFront(more));
  EXPECT_EQ(buffers_.size(), 8U);
  std::array<std::byte, 8> all{};
  EXPECT_TRUE(buffers_.TakeFront(all));
  EXPECT_TRUE(buffers_.pieces().empty());
}

TEST_F(BuffersTest, PutsBytesAcrossSeams) {
  const std::vector<std::byte> data(6, std::byte{0xaa});
  EXPECT_EQ(buffers_.PutFront(data), 6U);
  EXPECT_EQ(bytes_[5], std::byte{0xaa});
  EXPECT_EQ(bytes_[6], std::byte{6});
  EXPECT_EQ(buffers_.size(), 2U);
}

TEST_F(BuffersTest, PutsNoMoreThanThereIsRoomFor) {
  const std::vector<std::byte> data(100, std::byte{0xaa});
  EXPECT_EQ(buffers_.PutFront(data), 8U);
  EXPECT_EQ(buffers_.size(), 0U);
  EXPECT_EQ(buffers_.PutFront(data), 0U);
}

TEST_F(BuffersTest, TakesTheLastByte) {
  for (size_t i = bytes_.size(); i > 0; --i) EXPECT_EQ(buffers_.TakeLastByte(), &bytes_[i - 1]);
  EXPECT_EQ(buffers_.TakeLastByte(), nullptr);
  EXPECT_TRUE(buffers_.pieces().empty());
}

TEST_F(BuffersTest, TakesTheLastByteOfWhatTheFrontLeft) {
  std::array<std::byte, 7> out{};
  ASSERT_TRUE(buffers_.TakeFront(out));
  EXPECT_EQ(buffers_.TakeLastByte(), &bytes_[7]);
  EXPECT_EQ(buffers_.TakeLastByte(), nullptr);
}

TEST_F(BuffersTest, PiecesAreCutWhereATransferStopped) {
  const std::span<iovec> rest = WithoutFront(buffers_.pieces(), 5);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].iov_base, &bytes_[5]);
  EXPECT_EQ(rest[0].iov_len, 3U);
  EXPECT_EQ(WithoutFront(rest, 0).size(), 1U);
  EXPECT_TRUE(WithoutFront(rest, 3).empty());
}

TEST_F(BuffersTest, PiecesAreDroppedWholeWhereATransferStoppedBetween) {
  const std::span<iovec> rest = WithoutFront(buffers_.pieces(), 3);
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].iov_base, &bytes_[3]);
}

TEST_F(BuffersTest, IsEmptyWhenCleared) {
  std::array<std::byte, 4> out{};
  ASSERT_TRUE(buffers_.TakeFront(out));
  buffers_.Clear();
  EXPECT_EQ(buffers_.size(), 0U);
  EXPECT_TRUE(buffers_.pieces().empty());
  buffers_.Append(&bytes_[2], 2);
  ASSERT_EQ(buffers_.pieces().size(), 1U);
  EXPECT_EQ(buffers_.pieces()[0].iov_base, &bytes_[2]);
}

}  // namespace
}  // namespace mayfly::virtio
