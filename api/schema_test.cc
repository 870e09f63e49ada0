// The schema's promise: what was there keeps its number, its type, its default and its name.

#include <capnp/schema-loader.h>
#include <capnp/schema-parser.h>
#include <capnp/schema.h>
#include <kj/debug.h>
#include <kj/filesystem.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::rpc {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

// A schema, and all that is declared in it.
class SchemaFile final {
 public:
  SchemaFile(const kj::ReadableDirectory& directory, const std::string& path)
      : includes_(kj::newDiskFilesystem()->getRoot().openSubdir(kj::Path({"usr", "include"}))),
        imports_{includes_.get()} {
    AddNested(parser_.parseFromDirectory(directory, kj::Path::parse(path.c_str()),
                                         kj::arrayPtr(imports_.data(), imports_.size())));
  }

  // By number, those of groups and of methods' parameters and results too.
  [[nodiscard]] const std::map<uint64_t, capnp::Schema>& nodes() const { return nodes_; }

 private:
  void AddNested(capnp::ParsedSchema scope) {
    for (const capnp::ParsedSchema nested : scope.getAllNested()) {
      Add(nested);
      AddNested(nested);
    }
  }
  void Add(capnp::Schema schema) {
    if (!nodes_.emplace(schema.getProto().getId(), schema).second) return;
    if (schema.getProto().isStruct()) {
      for (const auto field : schema.asStruct().getFields()) {
        if (field.getProto().isGroup()) Add(field.getType().asStruct());
      }
    } else if (schema.getProto().isInterface()) {
      for (const auto method : schema.asInterface().getMethods()) {
        Add(method.getParamType());
        if (!method.isStreaming()) Add(method.getResultType());
      }
    }
  }

  const kj::Own<const kj::ReadableDirectory> includes_;  // for Cap'n Proto's own schemas
  const std::array<const kj::ReadableDirectory*, 1> imports_;
  capnp::SchemaParser parser_;
  std::map<uint64_t, capnp::Schema> nodes_;
};

// Of the members, in the order of their numbers.
std::vector<std::string> NamesIn(capnp::Schema schema) {
  std::vector<std::string> names;
  const auto add = [&names](auto members) {
    for (const auto member : members) names.emplace_back(member.getProto().getName().cStr());
  };
  if (schema.getProto().isStruct()) add(schema.asStruct().getFields());
  if (schema.getProto().isEnum()) add(schema.asEnum().getEnumerants());
  if (schema.getProto().isInterface()) add(schema.asInterface().getMethods());
  return names;
}

// Where `now` breaks what `then` has promised: sentences.
std::vector<std::string> BreachesOf(const SchemaFile& then, const SchemaFile& now) {
  std::vector<std::string> breaches;
  capnp::SchemaLoader loader;
  for (const auto& entry : then.nodes()) {
    const capnp::Schema former = entry.second;
    const std::string what = former.getProto().getDisplayName().cStr();
    const auto found = now.nodes().find(entry.first);
    if (found == now.nodes().end()) {
      breaches.push_back(what + " is gone");
      continue;
    }
    KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&] {
                   loader.load(former.getProto());
                   loader.load(found->second.getProto());
                 })) {
      breaches.push_back(what + ": " + exception->getDescription().cStr());
    }
    const std::vector<std::string> names = NamesIn(former);
    const std::vector<std::string> names_now = NamesIn(found->second);
    for (size_t at = 0; at < names.size(); ++at) {
      const std::string name_now = at < names_now.size() ? names_now[at] : "nothing";
      if (names[at] != name_now) {
        breaches.push_back(what + ": instead of " + names[at] + " there is " + name_now);
      }
    }
  }
  return breaches;
}

TEST(SchemaTest, KeepsItsPromise) {
  const auto files = kj::newDiskFilesystem();
  const SchemaFile promised(files->getCurrent(), "api/testing/promised.capnp");
  const SchemaFile today(files->getCurrent(), "api/mayfly.capnp");
  EXPECT_GT(promised.nodes().size(), 100U);
  EXPECT_THAT(BreachesOf(promised, today), IsEmpty());
}

constexpr char kSmall[] = R"(@0xd3f1a6c27b5e4890;
struct Lamp {
  name @0 :Text;
  watts @1 :UInt32 = 60;
  union {
    off @2 :Void;
    dimmed :group {
      percent @3 :UInt8;
    }
  }
}
enum Colour {
  red @0;
  green @1;
}
interface House {
  light @0 (lamp :Lamp, on :Bool) -> (colour :Colour);
  leave @1 () -> ();
  enter @2 () -> ();
}
)";

// What becomes of it when `before`, which it has once, is replaced.
std::vector<std::string> BreachesOfSmall(const std::string& before, const std::string& after) {
  std::string changed = kSmall;
  EXPECT_NE(changed.find(before), std::string::npos) << before;
  changed.replace(changed.find(before), before.size(), after);
  const auto directory = kj::newInMemoryDirectory(kj::nullClock());
  const auto write = [&](const char* name, const std::string& text) {
    directory->openFile(kj::Path(name), kj::WriteMode::CREATE)->writeAll(text.c_str());
  };
  write("then.capnp", kSmall);
  write("now.capnp", changed);
  return BreachesOf(SchemaFile(*directory, "then.capnp"), SchemaFile(*directory, "now.capnp"));
}

TEST(SchemaTest, WhatIsAppendedBreaksNothing) {
  EXPECT_THAT(BreachesOfSmall("}\nenum", "  age @4 :UInt64;\n}\nenum"), IsEmpty());
  EXPECT_THAT(BreachesOfSmall("percent @3 :UInt8;", "percent @3 :UInt8;\nfade @4 :Bool;"),
              IsEmpty());
  EXPECT_THAT(BreachesOfSmall("green @1;", "green @1;\nblue @2;"), IsEmpty());
  EXPECT_THAT(BreachesOfSmall("on :Bool)", "on :Bool, why :Text)"), IsEmpty());
  EXPECT_THAT(BreachesOfSmall("(colour :Colour)", "(colour :Colour, kelvin :UInt16)"), IsEmpty());
  EXPECT_THAT(BreachesOfSmall("enter @2 () -> ();", "enter @2 () -> ();\nknock @3 () -> ();"),
              IsEmpty());
}

TEST(SchemaTest, WhatIsChangedOrGoneBreaksIt) {
  const std::vector<std::pair<const char*, const char*>> changes = {
      {"watts @1 :UInt32 = 60", "watts @1 :Text"},
      {"watts @1 :UInt32 = 60", "watts @1 :UInt64 = 60"},
      {"watts @1 :UInt32 = 60", "watts @1 :UInt32 = 40"},
      {"watts @1", "power @1"},
      {"percent @3 :UInt8", "percent @3 :Float32"},
      {"percent @3 :UInt8", "share @3 :UInt8"},
      {"red @0;\n  green @1;", "green @0;\n  red @1;"},
      {"green @1;", ""},
      {"lamp :Lamp, on :Bool", "on :Bool, lamp :Lamp"},
      {"on :Bool)", "on :Text)"},
      {"(colour :Colour)", "(colour :Text)"},
      {"  leave @1 () -> ();\n  enter @2", "  enter @1 () -> ();\n  leave @2"},
      {"  enter @2 () -> ();\n", ""},
      {"interface House {", "struct Shed {}\ninterface Home {"},
  };
  for (const auto& [before, after] : changes) {
    EXPECT_THAT(BreachesOfSmall(before, after), Not(IsEmpty())) << before << " -> " << after;
  }
}

}  // namespace
}  // namespace mayfly::rpc
