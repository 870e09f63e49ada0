#include "api/cli/spec/json_reader.h"

#include <capnp/compat/json.h>
#include <capnp/message.h>
#include <kj/exception.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "api/cli/spec/json_escapes.h"
#include "api/cli/units.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/net_filter_codec.h"
#include "api/mayfly.capnp.h"
#include "base/status.h"
#include "virtio/net/ip_network.h"
#include "virtio/net/mac_address.h"

namespace mayfly::cli {
namespace {

using capnp::DynamicEnum;
using capnp::DynamicList;
using capnp::DynamicStruct;
using capnp::DynamicValue;
using Json = capnp::JsonValue::Reader;
using Field = capnp::StructSchema::Field;

constexpr size_t kMostLevels = 32;
// What JsonCodec says of text that ends too early, and of a word that does.
constexpr std::array<std::string_view, 2> kTooEarly = {"prematurely", "wrapped.size()"};
constexpr double kInexact = 9007199254740992;  // 2^53: from here on a double may be a rounded one

[[nodiscard]] std::string Text(kj::StringPtr text) { return {text.cStr(), text.size()}; }

[[nodiscard]] std::string At(const std::string& path, kj::StringPtr name) {
  return path.empty() ? Text(name) : absl::StrCat(path, ".", Text(name));
}

// --- Values that have no parts.

[[nodiscard]] absl::StatusOr<uint64_t> WholeNumber(const std::string& path, Json value) {
  if (value.isString()) {
    const auto number = ParseSize(Text(value.getString()));
    return number.ok() ? number : Annotate(number.status(), path);
  }
  if (!value.isNumber()) return api::BadField(path, "a number is needed");
  const double number = value.getNumber();
  if (number < 0 || std::floor(number) != number) {
    return api::BadField(path, absl::StrCat(number, " is no whole number from 0 on"));
  }
  if (number >= kInexact) {
    return api::BadField(path, "so large a number has to be a string, as in \"9007199254740993\"");
  }
  return static_cast<uint64_t>(number);
}

[[nodiscard]] uint64_t MostOf(capnp::schema::Type::Which type) {
  switch (type) {
    case capnp::schema::Type::UINT8:
      return std::numeric_limits<uint8_t>::max();
    case capnp::schema::Type::UINT16:
      return std::numeric_limits<uint16_t>::max();
    case capnp::schema::Type::UINT32:
      return std::numeric_limits<uint32_t>::max();
    default:
      return std::numeric_limits<uint64_t>::max();
  }
}

[[nodiscard]] absl::Status SetNumber(const std::string& path, Json value, Field field,
                                     DynamicStruct::Builder into) {
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t number, WholeNumber(path, value));
  const uint64_t most = MostOf(field.getType().which());
  if (number > most) return api::BadField(path, absl::StrCat(number, " is more than ", most));
  into.set(field, number);
  return absl::OkStatus();
}

[[nodiscard]] absl::Status SetEnum(const std::string& path, Json value, Field field,
                                   DynamicStruct::Builder into) {
  std::string names;
  for (const auto enumerant : field.getType().asEnum().getEnumerants()) {
    const kj::StringPtr name = enumerant.getProto().getName();
    if (value.isString() && name == value.getString()) {
      into.set(field, DynamicEnum(enumerant));
      return absl::OkStatus();
    }
    absl::StrAppend(&names, names.empty() ? "" : ", ", Text(name));
  }
  return api::BadField(path, absl::StrCat("give one of ", names));
}

// The only bytes that a specification has but an IpPrefix's, which is written as a whole.
[[nodiscard]] absl::Status SetMac(const std::string& path, Json value, Field field,
                                  DynamicStruct::Builder into) {
  if (field.getProto().getName() != "mac") {
    return api::BadField(path, "write all of it as one text, as in \"192.0.2.0/24\"");
  }
  if (!value.isString())
    return api::BadField(path, "a text such as \"02:00:00:00:00:01\" is needed");
  const auto mac = virtio::MacAddress::Parse(Text(value.getString()));
  if (!mac.ok()) return Annotate(mac.status(), path);
  into.set(field, capnp::Data::Reader(mac->bytes.data(), mac->bytes.size()));
  return absl::OkStatus();
}

[[nodiscard]] absl::Status SetPrefix(const std::string& path, Json value,
                                     rpc::IpPrefix::Builder into) {
  const auto network = virtio::IpNetwork::Parse(Text(value.getString()));
  if (!network.ok()) return Annotate(network.status(), path);
  api::EncodePrefix(*network, into);
  return absl::OkStatus();
}

// --- Values that have.

[[nodiscard]] absl::Status SetStruct(const std::string& path, Json value,
                                     DynamicStruct::Builder into);

[[nodiscard]] absl::Status SetList(const std::string& path, Json value, Field field,
                                   DynamicStruct::Builder into) {
  if (!value.isArray()) return api::BadField(path, "a list is needed, in brackets");
  const auto elements = value.getArray();
  if (!field.getType().asList().getElementType().isStruct()) {
    return api::BadField(path, "it cannot be given in a file");
  }
  auto list = into.init(field, elements.size()).as<DynamicList>();
  for (capnp::uint index = 0; index < elements.size(); ++index) {
    MAYFLY_RETURN_IF_ERROR(SetStruct(absl::StrCat(path, "[", index, "]"), elements[index],
                                     list[index].as<DynamicStruct>()));
  }
  return absl::OkStatus();
}

[[nodiscard]] absl::Status SetField(const std::string& path, Json value, Field field,
                                    DynamicStruct::Builder into) {
  switch (field.getType().which()) {
    case capnp::schema::Type::VOID:
      if (!value.isNull()) return api::BadField(path, "it has no value: write null");
      into.set(field, capnp::VOID);
      return absl::OkStatus();
    case capnp::schema::Type::BOOL:
      if (!value.isBoolean()) return api::BadField(path, "write true or false");
      into.set(field, value.getBoolean());
      return absl::OkStatus();
    case capnp::schema::Type::UINT8:
    case capnp::schema::Type::UINT16:
    case capnp::schema::Type::UINT32:
    case capnp::schema::Type::UINT64:
      return SetNumber(path, value, field, into);
    case capnp::schema::Type::FLOAT32:
    case capnp::schema::Type::FLOAT64:
      if (!value.isNumber()) return api::BadField(path, "a number is needed");
      into.set(field, value.getNumber());
      return absl::OkStatus();
    case capnp::schema::Type::TEXT:
      if (!value.isString()) return api::BadField(path, "a text is needed, in quotes");
      into.set(field, value.getString());
      return absl::OkStatus();
    case capnp::schema::Type::DATA:
      return SetMac(path, value, field, into);
    case capnp::schema::Type::ENUM:
      return SetEnum(path, value, field, into);
    case capnp::schema::Type::LIST:
      return SetList(path, value, field, into);
    case capnp::schema::Type::STRUCT:
      return SetStruct(path, value, into.init(field).as<DynamicStruct>());
    default:
      return api::BadField(path, "it cannot be given in a file");
  }
}

[[nodiscard]] absl::Status NoSuchField(const std::string& path, capnp::StructSchema schema) {
  std::string names;
  for (const auto field : schema.getFields()) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", Text(field.getProto().getName()));
  }
  return api::BadField(path, absl::StrCat("there is no such field; there are ", names));
}

absl::Status SetStruct(const std::string& path, Json value, DynamicStruct::Builder into) {
  if (value.isString() && into.getSchema() == capnp::Schema::from<rpc::IpPrefix>()) {
    return SetPrefix(path, value, into.as<rpc::IpPrefix>());
  }
  if (!value.isObject()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, path.empty() ? "" : ": ", "an object is needed, in braces"));
  }
  const capnp::StructSchema schema = into.getSchema();
  kj::StringPtr chosen;  // of a union
  for (const auto member : value.getObject()) {
    const std::string at = At(path, member.getName());
    KJ_IF_MAYBE (field, schema.findFieldByName(member.getName())) {
      if (field->getProto().getDiscriminantValue() != capnp::schema::Field::NO_DISCRIMINANT) {
        if (chosen != nullptr) {
          return api::BadField(at, absl::StrCat(Text(chosen), " is given, too; give one of them"));
        }
        chosen = field->getProto().getName();
      }
      MAYFLY_RETURN_IF_ERROR(SetField(at, member.getValue(), *field, into));
    } else {
      return NoSuchField(at, schema);
    }
  }
  return absl::OkStatus();
}

// --- The text itself.

[[nodiscard]] kj::Maybe<kj::Exception> Parse(std::string_view text,
                                             capnp::JsonValue::Builder value) {
  return kj::runCatchingExceptions([&] {
    capnp::JsonCodec codec;
    codec.setMaxNestingDepth(kMostLevels);
    codec.decodeRaw(kj::arrayPtr(text.data(), text.size()), value);
  });
}

// Of "expected CONDITION; SENTENCE", the sentence; of a condition alone, nothing that would help.
[[nodiscard]] std::string Reason(kj::StringPtr description) {
  const std::string text = Text(description);
  const size_t end = text.find("; ");
  if (end != std::string::npos) return text.substr(end + 2);
  return text.starts_with("expected ") ? "a word ends too early" : text;
}

// The parser does not say where. It reads from left to right, so what is in front of the mistake
// gives another error (the end comes too early) than what includes it.
[[nodiscard]] size_t LineOfMistake(std::string_view text) {
  const auto mistake_in = [text](size_t size) {
    capnp::MallocMessageBuilder message;
    KJ_IF_MAYBE (exception, Parse(text.substr(0, size), message.initRoot<capnp::JsonValue>())) {
      const std::string what = Text(exception->getDescription());
      return std::none_of(kTooEarly.begin(), kTooEarly.end(), [&](std::string_view words) {
        return what.find(words) != std::string::npos;
      });
    }
    return false;
  };
  size_t right = 0;            // is in order as far as it goes
  size_t wrong = text.size();  // includes the mistake, or is incomplete
  while (wrong - right > 1) {
    const size_t middle = right + (wrong - right) / 2;
    (mistake_in(middle) ? wrong : right) = middle;
  }
  return 1 + static_cast<size_t>(
                 std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(right), '\n'));
}

}  // namespace

absl::Status DecodeJson(std::string_view text, DynamicStruct::Builder into) {
  capnp::MallocMessageBuilder message;
  const auto value = message.initRoot<capnp::JsonValue>();
  KJ_IF_MAYBE (exception, Parse(ReplaceEscapes(text), value)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "line ", LineOfMistake(text), ": this is no JSON: ", Reason(exception->getDescription())));
  }
  return SetStruct("", value.asReader(), into);
}

}  // namespace mayfly::cli
