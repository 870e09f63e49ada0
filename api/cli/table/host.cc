#include <array>

#include "api/cli/table/commands.h"

namespace mayfly::cli {
namespace {

constexpr int Id(PsOption option) { return static_cast<int>(option); }
constexpr int Id(UpdateOption option) { return static_cast<int>(option); }

constexpr size_t kMostNames = 1000;

constexpr std::string_view kExits =
    "0; 2 for a bad command, or one that the VM's state does not allow; 125 where it cannot be "
    "done, as where there is no such VM.";
constexpr std::array kNotes = {Note{"Exit status", kExits}};
constexpr std::array kActNotes = {
    Note{"Exit status", kExits},
    Note{"JSON", "An object to a line, with the name of a VM, for each that it was done to."}};
constexpr std::array kStopNotes = {
    Note{"Exit status", kExits},
    Note{"JSON",
         "An object to a line for each VM that has ended: its name, and its end (ExitStatus of "
         "api/mayfly.capnp), whose reason is \"killed\" where it was not in time."}};

constexpr std::array kHostOptions = {kHost, kHelp};
constexpr std::array kOutputOptions = {kOutput, kHost, kHelp};

constexpr std::array kInspectOptions = {
    Option{.id = static_cast<int>(InspectOption::kFormat),
           .letter = kOutput.letter,
           .name = kOutput.name,
           .argument = "json",
           .help = "JSON, which it is in any case",
           .presence = Presence::kRequired,
           .kind = Kind::kChoice},
    kHost,
    kHelp,
};

constexpr std::array kPsOptions = {
    Option{.id = Id(PsOption::kAll),
           .letter = 'a',
           .name = "all",
           .help = "those that have ended, too"},
    Option{.id = Id(PsOption::kLabel),
           .letter = 'l',
           .name = "label",
           .argument = "NAME=VALUE",
           .help = "only those that have this label; repeat for more",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    Option{.id = Id(PsOption::kQuiet), .letter = 'q', .name = "quiet", .help = "names alone"},
    kOutput,
    kHost,
    kHelp,
};

constexpr std::array kEventsOptions = {
    Option{.id = static_cast<int>(EventsOption::kSince),
           .name = "since",
           .argument = "NUMBER",
           .help = "only those behind this one, which are as many as are kept (all)",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    Option{.id = static_cast<int>(EventsOption::kCount),
           .letter = 'n',
           .name = "count",
           .argument = "N",
           .help = "end after so many",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    kOutput,
    kHost,
    kHelp,
};

constexpr std::array kStopOptions = {
    Option{.id = static_cast<int>(StopOption::kWithin),
           .name = "within",
           .argument = "TIME",
           .help = "kill those that have not ended by then (waits for as long as it takes)",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    kOutput,
    kHost,
    kHelp,
};

constexpr std::array kTopOptions = {
    Option{.id = static_cast<int>(TopOption::kEvery),
           .name = "every",
           .argument = "TIME",
           .help = "how long between two looks (1s)",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    Option{.id = static_cast<int>(TopOption::kCount),
           .letter = 'n',
           .name = "count",
           .argument = "N",
           .help = "end after so many tables (1 where standard output is no terminal)",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    kOutput,
    kHost,
    kHelp,
};

constexpr std::array kConsoleNotes = {
    Note{"Leaving",
         "On a terminal every key goes to the guest; Ctrl-] and then q leaves the VM to itself. So "
         "do SIGINT, SIGTERM and SIGHUP, and the end of this command."},
    Note{"Exit status",
         "As of `mayfly run` where the VM has ended, or a signal this command; 0 where the VM was "
         "left by keys; 125 where there is none of that name."}};

constexpr std::array kWaitNotes = {
    Note{"Exit status", "As of `mayfly run`; 125 where there is no such VM."}};

constexpr std::array kDiskLimitWords = {
    Word{"iops", "N[:BURST]", "at most so many requests in a second, and so many at once",
         Kind::kText},
    Word{"bps", "SIZE[:BURST]", "at most so many bytes in a second, and so many at once",
         Kind::kText},
};
constexpr std::array kNetLimitWords = {
    Word{"tx-pps", "N[:BURST]", "at most so many packets sent in a second, and so many at once",
         Kind::kText},
    Word{"tx-bps", "SIZE[:BURST]", "the same for the bytes sent", Kind::kText},
    Word{"rx-pps", "N[:BURST]", "the same for the packets received", Kind::kText},
    Word{"rx-bps", "SIZE[:BURST]", "the same for the bytes received", Kind::kText},
};
constexpr std::array kUpdateOptions = {
    Option{.id = Id(UpdateOption::kDisk),
           .name = "disk",
           .argument = "NUMBER[,WORD]...",
           .help = "new limits of a disk, counted from 0, instead of all that it had: none where "
                   "no WORD follows. WORD is one of",
           .presence = Presence::kRequired,
           .kind = Kind::kText,
           .words = kDiskLimitWords},
    Option{.id = Id(UpdateOption::kNet),
           .name = "net",
           .argument = "NUMBER[,WORD]...",
           .help = "new limits of a network card, counted from 0, instead of those of a direction "
                   "(tx, rx) that a WORD is about, or of both where no WORD follows. WORD is one "
                   "of",
           .presence = Presence::kRequired,
           .kind = Kind::kText,
           .words = kNetLimitWords},
    Option{.id = Id(UpdateOption::kResize),
           .name = "resize",
           .argument = "NUMBER",
           .help = "tell the guest the size that the disk's file has now; make it larger first",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    kOutput,
    kHost,
    kHelp,
};

}  // namespace

constinit const Command kPsCommand = {
    .name = "ps",
    .summary = "list the VMs of a host service",
    .usage = "[OPTION]...",
    .description =
        "Lists the VMs of a host service that you may see, in the order of their "
        "launches. As JSON, one to a line.",
    .options = kPsOptions,
    .notes = kNotes,
};
constinit const Command kConsoleCommand = {
    .name = "console",
    .summary = "attach this terminal to a VM's console",
    .usage = "NAME",
    .description =
        "Shows what a VM writes to its console, beginning with what nobody has read, as far as "
        "it is kept, and carries standard input to it. Whoever had it loses it.",
    .options = kHostOptions,
    .operands = Kind::kMachine,
    .least = 1,
    .most = 1,
    .notes = kConsoleNotes,
};
constinit const Command kWaitCommand = {
    .name = "wait",
    .summary = "wait for a VM's end; its exit status becomes the command's",
    .usage = "NAME",
    .description = "Waits until a VM has ended. As JSON, says how: ExitStatus of api/mayfly.capnp.",
    .options = kOutputOptions,
    .operands = Kind::kMachine,
    .least = 1,
    .most = 1,
    .notes = kWaitNotes,
};
constinit const Command kPauseCommand = {
    .name = "pause",
    .summary = "stop VMs until they are resumed",
    .usage = "NAME...",
    .description =
        "Stops VMs: their CPUs do not run, and their disks and network cards do not touch "
        "their memory, when this command ends. A VM that is paused already stays so.",
    .options = kOutputOptions,
    .operands = Kind::kMachine,
    .least = 1,
    .most = kMostNames,
    .notes = kActNotes,
};
constinit const Command kResumeCommand = {
    .name = "resume",
    .summary = "let paused VMs run again",
    .usage = "NAME...",
    .description = "Lets paused VMs run again.",
    .options = kOutputOptions,
    .operands = Kind::kMachine,
    .least = 1,
    .most = kMostNames,
    .notes = kActNotes,
};
constinit const Command kStopCommand = {
    .name = "stop",
    .summary = "press VMs' power buttons, and wait for their ends",
    .usage = "[OPTION] NAME...",
    .description =
        "Presses the power buttons of VMs, and waits until all have ended. A guest with ACPI and "
        "somebody who listens there (in Linux, an init that handles the button) shuts itself down; "
        "others go on. A paused VM is told when it is resumed. One that has ended already is "
        "left alone.",
    .options = kStopOptions,
    .operands = Kind::kMachine,
    .least = 1,
    .most = kMostNames,
    .notes = kStopNotes,
};
constinit const Command kKillCommand = {
    .name = "kill",
    .summary = "end VMs",
    .usage = "NAME...",
    .description = "Ends VMs now, as pulling their plug would.",
    .options = kOutputOptions,
    .operands = Kind::kMachine,
    .least = 1,
    .most = kMostNames,
    .notes = kActNotes,
};
constinit const Command kRmCommand = {
    .name = "rm",
    .summary = "end VMs, and forget what is kept of detached ones that have ended",
    .usage = "NAME...",
    .description =
        "Ends VMs now where they live, and has the host service forget them: the exit "
        "status and the console of a detached VM are kept until then.",
    .options = kOutputOptions,
    .operands = Kind::kMachine,
    .least = 1,
    .most = kMostNames,
    .notes = kActNotes,
};
constinit const Command kStatsCommand = {
    .name = "stats",
    .summary = "say what a VM has done",
    .usage = "NAME",
    .description = "Says what a VM, its disks and its network cards have done since it was made.",
    .options = kOutputOptions,
    .operands = Kind::kMachine,
    .least = 1,
    .most = 1,
    .notes = kNotes,
};
constinit const Command kInspectCommand = {
    .name = "inspect",
    .summary = "say what a VM is, and what it was launched with",
    .usage = "NAME",
    .description =
        "Says, as JSON, what the host service knows of a VM (MachineInfo of "
        "api/mayfly.capnp), and the specification that it was launched with.",
    .options = kInspectOptions,
    .operands = Kind::kMachine,
    .least = 1,
    .most = 1,
    .notes = kNotes,
};
constinit const Command kEventsCommand = {
    .name = "events",
    .summary = "say what happens to VMs, as it happens",
    .usage = "[NAME]",
    .description =
        "Says what happens to all VMs that you may see, or to one: first what is kept, "
        "then what comes, a line each, until it is interrupted.",
    .options = kEventsOptions,
    .operands = Kind::kMachine,
    .most = 1,
    .notes = kNotes,
};
constinit const Command kTopCommand = {
    .name = "top",
    .summary = "show what VMs take of the host",
    .usage = "[OPTION]...",
    .description =
        "Shows the living VMs, the busiest first: on a terminal again and again, until "
        "it is interrupted. As JSON, an object to a line for each look, with the host's capacity "
        "and the VMs.",
    .options = kTopOptions,
    .notes = kNotes,
};
constinit const Command kUpdateCommand = {
    .name = "update",
    .summary = "change the limits of a VM's disks and network cards",
    .usage = "NAME OPTION...",
    .description = "Changes a running VM. With --resize, says the size that the disk has now.",
    .options = kUpdateOptions,
    .operands = Kind::kMachine,
    .least = 1,
    .most = 1,
    .notes = kNotes,
};

}  // namespace mayfly::cli
