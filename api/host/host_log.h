#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/host_config.capnp.h"

namespace mayfly::api {

// What the service tells who runs it. One log for the process, as it has one standard error: the
// journal, with fields, where systemd has connected that to it, and lines otherwise.
//
// Nothing waits for who reads the log: where standard error takes no more, lines are lost, and
// counted. (sd_journal_sendv(3) may wait for the journal, which systemd looks after.)
//
// Threading: the service's thread.

using LogLevel = rpc::LogLevel;

struct LogField {
  std::string_view name;  // as the journal has it: MAYFLY_VM
  std::string value;
};

// What is less urgent is left out from now on; at first, nothing is but DEBUG.
void SetLogLevel(LogLevel level);
// Control characters in `message`, which may have them from anybody, become spaces. `fields` are
// for the journal alone.
void Log(LogLevel level, std::string_view message, const std::vector<LogField>& fields = {});

// Whether `fd` is what $JOURNAL_STREAM, whose value is given (null: it is not set), says is
// connected to the journal (systemd.exec(5)).
[[nodiscard]] bool IsJournal(const char* journal_stream, int fd);

}  // namespace mayfly::api
