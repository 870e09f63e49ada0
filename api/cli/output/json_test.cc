// What programs are told is JSON, in UTF-8, with addresses as specifications have them.

#include "api/cli/output/json.h"

#include <capnp/compat/json.h>
#include <capnp/message.h>

#include <array>
#include <string>

#include "api/cli/output/reports.capnp.h"
#include "api/codec/utf8.h"
#include "api/mayfly.capnp.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Fails the test for what is no JSON.
std::string Checked(const std::string& text) {
  EXPECT_TRUE(api::IsUtf8(text)) << text;
  capnp::MallocMessageBuilder message;
  auto value = message.initRoot<capnp::JsonValue>();
  KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&] {
                 capnp::JsonCodec().decodeRaw(kj::arrayPtr(text.data(), text.size()), value);
               })) {
    ADD_FAILURE() << exception->getDescription().cStr() << "\n" << text;
  }
  return text;
}

TEST(Json, AddressesAreTexts) {
  capnp::MallocMessageBuilder message;
  auto spec = message.initRoot<rpc::MachineSpec>();
  auto net = spec.initNets(1)[0];
  const std::array<kj::byte, 6> mac = {2, 0, 0, 0, 0, 0x1f};
  net.setMac(kj::arrayPtr(mac.data(), mac.size()));
  auto prefix = net.initFilter().initAddresses(1)[0];
  const std::array<kj::byte, 4> address = {192, 0, 2, 0};
  prefix.setAddress(kj::arrayPtr(address.data(), address.size()));
  prefix.setPrefixLength(24);
  const std::string text = Checked(ToJson(spec.asReader()));
  EXPECT_THAT(text, HasSubstr("\"mac\": \"02:00:00:00:00:1f\""));
  EXPECT_THAT(text, HasSubstr("\"192.0.2.0/24\""));
}

TEST(Json, AddressesThatAreNoneDoNoHarm) {
  capnp::MallocMessageBuilder message;
  auto stats = message.initRoot<rpc::MachineStats>();
  stats.initNets(1)[0].initMac(3);
  (void)Checked(ToJson(stats.asReader()));
  capnp::MallocMessageBuilder other;
  auto filter = other.initRoot<rpc::NetFilter>();
  filter.initAddresses(1)[0].setPrefixLength(99);
  (void)Checked(ToJson(filter.asReader()));
}

TEST(Json, TextsAreValidWhateverTheyWere) {
  capnp::MallocMessageBuilder message;
  auto event = message.initRoot<rpc::Event>();
  event.setText("\xff\"\\\n\x01\x7f");
  const std::string text = Checked(ToJsonLine(event.asReader()));
  EXPECT_THAT(text, HasSubstr("\xef\xbf\xbd"));
  EXPECT_THAT(text.substr(0, text.size() - 1), Not(HasSubstr("\n")));
}

TEST(Json, LargeNumbersAreStrings) {
  capnp::MallocMessageBuilder message;
  auto overlay = message.initRoot<report::Overlay>();
  overlay.setDiskBytes(uint64_t{9007199254740993});
  EXPECT_THAT(Checked(ToJson(overlay.asReader())),
              HasSubstr("\"diskBytes\": \"9007199254740993\""));
}

}  // namespace
}  // namespace mayfly::cli
