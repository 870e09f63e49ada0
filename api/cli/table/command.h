#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace mayfly::cli {

// The command line as data: from it come what getopt_long(3) is given, `--help`, the manual pages
// and what shells complete. All of it is constant: `mayfly run` starts with it in place.
//
// Texts are for people: whole lines are filled anew for the reader's width, an empty line begins
// the next paragraph.

// What may stand for a value.
enum class Kind {
  kNone,     // there is no value
  kText,     // nothing that a shell could know
  kFile,     //
  kChoice,   // what stands in `argument`, with '|' in between
  kMachine,  // a VM of the host, by its name or number
  kCommand,  // of `mayfly`
};

enum class Place { kFirst, kBehind, kAnywhere };

// A part of a value, such as "overlay=FILE" in --disk.
struct Word {
  std::string_view name = {};
  std::string_view argument = {};  // behind a '='; empty: there is none
  std::string_view help = {};
  Kind kind = Kind::kNone;
  Place place = Place::kBehind;  // of the value's other parts
};

enum class Presence { kNone, kRequired, kOptional };

struct Option {
  int id = 0;  // what the command knows it by; from 256 on, so that no letter is meant
  char letter = 0;
  const char* name = nullptr;
  std::string_view argument = {};  // as the help shows it, such as "FILE[,WORD]..."
  std::string_view help = {};
  Presence presence = Presence::kNone;  // of the argument
  Kind kind = Kind::kNone;
  std::span<const Word> words = {};
  // Another form, for the help alone: "=FILE", and what it does.
  std::string_view other_form = {};
  std::string_view other_help = {};
};

struct Note {
  std::string_view title = {};
  std::string_view text = {};
};

struct Command {
  std::string_view name = {};
  std::string_view summary = {};  // in the list of commands
  std::string_view usage = {};    // behind its name; with parts, theirs is shown
  std::string_view description = {};
  std::span<const Option> options = {};
  std::span<const Command* const> parts = {};  // commands of its own: `mayfly disk info`
  Kind operands = Kind::kNone;                 // what its words are that are no options
  std::string_view choices = {};               // where `operands` is kChoice
  size_t least = 0;                            // of `operands`
  size_t most = 0;
  std::span<const Note> notes = {};
};

// All commands use the same number for --help.
inline constexpr int kHelpOption = 'h';

inline constexpr Option kHelp = {
    .id = kHelpOption, .letter = 'h', .name = "help", .help = "say this"};

// And --host, where they have it.
inline constexpr int kHostOption = 0x1000;

inline constexpr Option kHost = {
    .id = kHostOption,
    .name = "host",
    .argument = "SOCKET",
    .help = "the host service, instead of what $MAYFLY_HOST says or this user's own",
    .presence = Presence::kRequired,
    .kind = Kind::kFile};

// And --output, where they have it.
inline constexpr int kOutputOption = 'o';

inline constexpr Option kOutput = {.id = kOutputOption,
                                   .letter = 'o',
                                   .name = "output",
                                   .argument = "text|json",
                                   .help = "text for people (where nothing is said), or JSON",
                                   .presence = Presence::kRequired,
                                   .kind = Kind::kChoice};

}  // namespace mayfly::cli
