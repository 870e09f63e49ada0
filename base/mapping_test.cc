#include "base/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <utility>

#include "base/file_io.h"
#include "base/owned_fd.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kHuge = size_t{2} << 20;

// mincore(2) fails with ENOMEM where nothing is mapped.
bool IsMapped(std::byte* page) {
  unsigned char resident = 0;
  return ::mincore(page, kPage, &resident) == 0;
}

TEST(Mapping, AnonymousIsZeroedAndAligned) {
  const auto mapping = Mapping::Anonymous(kHuge + kPage, kHuge);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(std::bit_cast<uintptr_t>(mapping->data()) % kHuge, 0U);
  EXPECT_EQ(mapping->size(), kHuge + kPage);
  EXPECT_EQ(mapping->bytes().front(), std::byte{0});
  mapping->bytes().back() = std::byte{1};
}

TEST(Mapping, UnmapsAtTheEndOfItsLife) {
  std::byte* at = nullptr;
  {
    auto mapping = Mapping::Anonymous(kPage, kPage);
    ASSERT_TRUE(mapping.ok());
    const Mapping moved = *std::move(mapping);
    at = moved.data();
    EXPECT_TRUE(IsMapped(at));
  }
  EXPECT_FALSE(IsMapped(at));
}

TEST(Mapping, SharedIsSeenByTheFile) {
  const OwnedFd file(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), kPage), 0);
  const auto shared = Mapping::Shared(file.get(), 0, kPage);
  ASSERT_TRUE(shared.ok());
  shared->data()[0] = std::byte{1};
  std::array<std::byte, 2> read{};
  ASSERT_TRUE(ReadFully(file.get(), 0, read).ok());
  EXPECT_EQ(read[0], std::byte{1});
  EXPECT_EQ(read[1], std::byte{0});
}

TEST(Mapping, ImpossibleSizesAreErrors) {
  EXPECT_FALSE(Mapping::Anonymous(0, kPage).ok());
  EXPECT_FALSE(Mapping::Anonymous(~size_t{0} - kPage, kPage).ok());
  EXPECT_FALSE(Mapping::Anonymous(kPage, kPage + 1).ok());
}

}  // namespace
}  // namespace mayfly
