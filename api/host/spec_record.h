#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/array.h>

#include "api/mayfly.capnp.h"

namespace mayfly::api {

// A MachineSpec to look at later: without its files, which are as they were when it was launched,
// and the CPU profile, which is the host's.
class SpecRecord final {
 public:
  explicit SpecRecord(rpc::MachineSpec::Reader spec);
  // From the words of an earlier one. They are not trusted: a reader of it may throw.
  explicit SpecRecord(kj::Array<capnp::word> words) : words_(kj::mv(words)) {}

  [[nodiscard]] kj::ArrayPtr<const capnp::word> words() const { return words_; }
  void CopyTo(rpc::Host::InspectResults::Builder results) const;

 private:
  kj::Array<capnp::word> words_;
};

}  // namespace mayfly::api
