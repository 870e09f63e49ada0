#include "api/host/vm_listener.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/codec/enum_name.h"
#include "base/clock.h"

namespace mayfly::api {
namespace {

constexpr size_t kLongestText = 512;

// Whether a VMM is who can know of such a thing.
[[nodiscard]] bool IsForVmms(rpc::EventKind kind) {
  switch (kind) {
    case rpc::EventKind::DEVICE:
    case rpc::EventKind::OVERLAY_FULL:
    case rpc::EventKind::PAUSED:
    case rpc::EventKind::RESUMED:
    case rpc::EventKind::DETACHED:
    case rpc::EventKind::ATTACHED:
    case rpc::EventKind::LINK:
      return true;
    case rpc::EventKind::LAUNCHED:
    case rpc::EventKind::EXITED:
    case rpc::EventKind::LOST:
      return false;
  }
  return false;  // a number that is none of these
}

}  // namespace

Event EventOf(const VmFacts& facts, rpc::EventKind kind, std::string text) {
  return {.time = MonotonicNow(),
          .kind = kind,
          .text = std::move(text),
          .machine = facts.id,
          .name = facts.name,
          .owner = facts.owner};
}

void LogEvent(LogLevel level, const Event& event) {
  const std::string name = event.name.empty() ? "" : absl::StrCat(" \"", event.name, "\"");
  Log(level, absl::StrCat("VM ", event.machine, name, " of user ", event.owner, ": ", event.text),
      {{"MAYFLY_EVENT", EnumName(event.kind)},
       {"MAYFLY_VM", absl::StrCat(event.machine)},
       {"MAYFLY_NAME", event.name},
       {"MAYFLY_UID", absl::StrCat(event.owner)}});
}

VmListener::VmListener(Vm& vm, std::function<void(Event)> tell)
    : vm_(vm),
      tell_(std::move(tell)),
      limiter_({.operations = kTold, .bytes = {}}, MonotonicNow()) {}

kj::Promise<void> VmListener::event(EventContext context) {
  const auto reader = context.getParams().getEvent();
  const rpc::EventKind kind = reader.getKind();
  if (!IsForVmms(kind)) return kj::READY_NOW;
  // Who asked for it may be gone before the answer.
  if (kind == rpc::EventKind::PAUSED) vm_.SetState(Vm::State::PAUSED);
  if (kind == rpc::EventKind::RESUMED) vm_.SetState(Vm::State::RUNNING);
  if (limiter_.Admit(0, MonotonicNow()) > Nanoseconds::zero()) {
    ++untold_;
    return kj::READY_NOW;
  }
  if (const uint64_t untold = std::exchange(untold_, 0); untold != 0) {
    tell_(EventOf(vm_.facts(), rpc::EventKind::LOST,
                  absl::StrCat(untold, " events of this VM were not told: it makes too many")));
  }
  const auto text = reader.getText();
  Event event =
      EventOf(vm_.facts(), kind, std::string(text.cStr(), std::min(text.size(), kLongestText)));
  // Not what has not been yet.
  const uint64_t when = reader.getNanoseconds();
  if (when < static_cast<uint64_t>(event.time.count())) {
    event.time = Nanoseconds(static_cast<Nanoseconds::rep>(when));
  }
  tell_(std::move(event));
  return kj::READY_NOW;
}

}  // namespace mayfly::api
