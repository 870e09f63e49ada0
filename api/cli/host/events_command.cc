#include <time.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api/cli/exit_code.h"
#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/host/text_table.h"
#include "api/cli/option_words.h"
#include "api/cli/output/json.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "api/codec/enum_name.h"
#include "api/codec/text.h"
#include "base/clock.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

// A time of CLOCK_MONOTONIC as people write it, in UTC.
[[nodiscard]] std::string FormatTime(uint64_t monotonic) {
  using std::chrono::floor;
  const Nanoseconds ago = MonotonicNow() - Nanoseconds(static_cast<Nanoseconds::rep>(monotonic));
  const auto then = floor<std::chrono::milliseconds>(std::chrono::system_clock::now() - ago);
  const time_t seconds = std::chrono::system_clock::to_time_t(floor<std::chrono::seconds>(then));
  const auto milliseconds = then.time_since_epoch() % std::chrono::seconds(1);
  tm parts{};
  std::array<char, sizeof "2026-01-01T00:00:00"> text{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "";
  (void)std::strftime(text.data(), text.size(), "%FT%T", &parts);
  return absl::StrFormat("%s.%03dZ", text.data(), milliseconds.count());
}

// As `ps` shows it.
[[nodiscard]] std::string NameOf(rpc::Event::Reader event) {
  return event.getName().size() != 0 ? api::FromText(event.getName())
                                     : absl::StrCat("#", event.getMachine());
}

[[nodiscard]] std::string Show(rpc::Event::Reader event, Format format) {
  if (format == Format::kJson) return ToJsonLine(event);
  const std::string name = NameOf(event);
  return absl::StrCat(event.getSequence(), "  ", FormatTime(event.getNanoseconds()), "  ",
                      api::EnumName(event.getKind()), "  ", Printable(name), "  ",
                      Printable(api::FromText(event.getText())), "\n");
}

struct EventsOptions {
  uint64_t since = 0;
  uint64_t count = std::numeric_limits<uint64_t>::max();
  std::string name;  // of the only VM, or its number; empty: all
};

// Prints what comes, until there were as many as wanted.
class Printer final : public rpc::EventListener::Server {
 public:
  // All must outlive the printer, which goes with its connection.
  Printer(const EventsOptions& options, Format format, kj::PromiseFulfiller<int>& enough)
      : options_(options), format_(format), left_(options.count), enough_(enough) {}

 protected:
  kj::Promise<void> event(EventContext context) override {
    const auto event = context.getParams().getEvent();
    const std::string name = NameOf(event);
    const bool wanted =
        options_.name.empty() || name == options_.name || name == absl::StrCat("#", options_.name);
    if (!wanted || left_ == 0) return kj::READY_NOW;
    const int code = Print(Show(event, format_));
    if (--left_ == 0 || code != 0) {
      left_ = 0;
      enough_.fulfill(int{code});
    }
    return kj::READY_NOW;
  }

 private:
  const EventsOptions& options_;
  Format format_;
  uint64_t left_;
  kj::PromiseFulfiller<int>& enough_;
};

[[nodiscard]] absl::Status Apply(int id, std::string_view value, EventsOptions& options) {
  const bool is_since = static_cast<EventsOption>(id) == EventsOption::kSince;
  const auto number = ParseNumber(value, is_since ? 0 : 1, std::numeric_limits<uint64_t>::max());
  if (!number.ok()) return Annotate(number.status(), is_since ? "--since" : "--count");
  (is_since ? options.since : options.count) = *number;
  return absl::OkStatus();
}

}  // namespace

int EventsCommand(std::span<char* const> arguments) {
  HostCommand command(kEventsCommand, arguments);
  EventsOptions options;
  const auto code =
      command.Read([&](int id, std::string_view value) { return Apply(id, value, options); });
  if (code) return *code;
  if (!command.line().operands().empty()) options.name = command.line().operands().front();
  auto enough = kj::newPromiseAndFulfiller<int>();
  auto host = command.Connect();
  if (!host.ok()) return command.Finish(host.status());
  auto request = (*host)->host().eventsRequest();
  request.setListener(kj::heap<Printer>(options, command.format(), *enough.fulfiller));
  request.setSince(options.since);
  // The call may be answered at once, or when the connection ends.
  auto asked =
      request.send().ignoreResult().then([]() -> kj::Promise<int> { return kj::NEVER_DONE; });
  try {
    return enough.promise.exclusiveJoin(kj::mv(asked))
        .exclusiveJoin((*host)->WhenLost().then([]() -> kj::Promise<int> {
          return KJ_EXCEPTION(DISCONNECTED, "the host service has gone away");
        }))
        .wait((*host)->io().waitScope);
  } catch (const kj::Exception& exception) {
    return command.Finish((*host)->Explain(exception));
  }
}

}  // namespace mayfly::cli
