#include "api/cli/table/commands.h"

#include <array>

namespace mayfly::cli {
namespace {

constexpr std::array kOnlyHelp = {kHelp};
constexpr std::array kOutputAndHelp = {kOutput, kHelp};

constexpr std::string_view kExitOfAnyCommand =
    "0; 2 for a bad command or file; 125 where it cannot be done.";
constexpr std::array kExitNotes = {Note{"Exit status", kExitOfAnyCommand}};

constexpr std::array kDiskParts = {&kDiskInfoCommand, &kDiskFlattenCommand, &kDiskCommitCommand,
                                   &kDiskRebaseCommand};
constexpr std::array kDiskNotes = {
    Note{"Files", "IMAGE is a new file. BASE is only read. No VM may be using any of them."},
    Note{"Exit status", kExitOfAnyCommand}};

constexpr std::array kDoctorNotes = {
    Note{"Exit status", "0 where guests can run, 1 where they cannot."}};

constexpr std::array kCompletionNotes = {
    Note{"Setting it up",
         "bash: `source <(mayfly completion bash)` in ~/.bashrc.\n\n"
         "zsh: `source <(mayfly completion zsh)` in ~/.zshrc, behind compinit.\n\n"
         "fish: `mayfly completion fish > ~/.config/fish/completions/mayfly.fish`, once."}};

constexpr std::array kManNotes = {Note{"Reading and keeping them",
                                       "`mayfly man run | man -l -` shows one; `mayfly man run > "
                                       "/usr/local/share/man/man1/mayfly-run.1` keeps it."}};

constexpr std::array kMainOptions = {
    kHost,
    Option{.id = kHelpOption,
           .letter = 'h',
           .name = "help",
           .help = "say this; `mayfly COMMAND --help` says more"},
    Option{
        .id = static_cast<int>(MainOption::kVersion), .name = "version", .help = "say the version"},
};
constexpr std::array kMainParts = {
    &kRunCommand,    &kPsCommand,      &kConsoleCommand,    &kWaitCommand,   &kPauseCommand,
    &kResumeCommand, &kStopCommand,    &kKillCommand,       &kRmCommand,     &kStatsCommand,
    &kTopCommand,    &kInspectCommand, &kUpdateCommand,     &kEventsCommand, &kDiskCommand,
    &kDoctorCommand, &kVersionCommand, &kCompletionCommand, &kManCommand};

}  // namespace

constinit const Command kDiskInfoCommand = {
    .name = "info",
    .summary = "say what is in an overlay",
    .usage = "OVERLAY",
    .description = "Says what is in an overlay, what it takes, and how its last VM left it.",
    .options = kOutputAndHelp,
    .operands = Kind::kFile,
    .least = 1,
    .most = 1,
    .notes = kExitNotes,
};
constinit const Command kDiskFlattenCommand = {
    .name = "flatten",
    .summary = "make an image of an overlay and its base, which needs neither",
    .usage = "OVERLAY BASE IMAGE",
    .description =
        "Makes IMAGE, a new file: what a guest sees of OVERLAY over BASE. It needs "
        "neither of them.",
    .options = kOnlyHelp,
    .operands = Kind::kFile,
    .least = 3,
    .most = 3,
    .notes = kExitNotes,
};
constinit const Command kDiskCommitCommand = {
    .name = "commit",
    .summary = "the same, and go on with the overlay, emptied, over the image",
    .usage = "OVERLAY BASE IMAGE",
    .description =
        "Makes IMAGE, a new file: what a guest sees of OVERLAY over BASE. Then empties "
        "OVERLAY, whose base is IMAGE from now on.",
    .options = kOnlyHelp,
    .operands = Kind::kFile,
    .least = 3,
    .most = 3,
    .notes = kExitNotes,
};
constinit const Command kDiskRebaseCommand = {
    .name = "rebase",
    .summary = "take a copy with another modification time for the overlay's base",
    .usage = "OVERLAY BASE",
    .description =
        "Takes BASE, a copy with another modification time, for what OVERLAY was made "
        "over. Only you can know that its content is the same.",
    .options = kOnlyHelp,
    .operands = Kind::kFile,
    .least = 2,
    .most = 2,
    .notes = kExitNotes,
};
constinit const Command kDiskCommand = {
    .name = "disk",
    .summary = "look into overlays, make images of them",
    .description = "Looks after overlays: the files of `mayfly run --disk BASE,overlay=OVERLAY`.",
    .options = kOnlyHelp,
    .parts = kDiskParts,
    .notes = kDiskNotes,
};
constinit const Command kDoctorCommand = {
    .name = "doctor",
    .summary = "say what this host can do, and what to do about what it cannot",
    .description =
        "Looks at this host as `mayfly run` would find it, and says what is missing or "
        "slow, with a remedy.",
    .options = kOutputAndHelp,
    .notes = kDoctorNotes,
};
constinit const Command kVersionCommand = {
    .name = "version",
    .summary = "say the version",
    .description = "Says the version of this program.",
    .options = kOutputAndHelp,
};
constinit const Command kCompletionCommand = {
    .name = "completion",
    .summary = "print what teaches a shell to complete these commands",
    .usage = "bash|zsh|fish",
    .description =
        "Prints a script for the shell, which completes commands, options, the words of "
        "their values, and files.",
    .options = kOnlyHelp,
    .operands = Kind::kChoice,
    .choices = "bash|zsh|fish",
    .least = 1,
    .most = 1,
    .notes = kCompletionNotes,
};
constinit const Command kManCommand = {
    .name = "man",
    .summary = "print a manual page, for man(1)",
    .usage = "[COMMAND]",
    .description = "Prints the manual page of a command, or of mayfly itself, as roff.",
    .options = kOnlyHelp,
    .operands = Kind::kCommand,
    .least = 0,
    .most = 1,
    .notes = kManNotes,
};
constinit const Command kMayflyCommand = {
    .name = "mayfly",
    .summary = "boot virtual machines in milliseconds",
    .usage = "[--host SOCKET] COMMAND [OPTION]...",
    .description = "Mayfly boots virtual machines in milliseconds.",
    .options = kMainOptions,
    .parts = kMainParts,
    .operands = Kind::kCommand,
};

const Command* FindPart(const Command& command, std::string_view name) {
  for (const Command* const part : command.parts) {
    if (part->name == name) return part;
  }
  return nullptr;
}

}  // namespace mayfly::cli
