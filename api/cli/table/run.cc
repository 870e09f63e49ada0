#include <array>

#include "api/cli/table/commands.h"

namespace mayfly::cli {
namespace {

constexpr int Id(RunOption option) { return static_cast<int>(option); }

constexpr std::array kDiskWords = {
    Word{"ro", "", "read-only"},
    Word{"rw", "", "read and written, which is what happens where nothing is said"},
    Word{"overlay", "memory", "writes go to memory, and the file is only read", Kind::kChoice},
    Word{"overlay", "FILE", "writes go to this other file", Kind::kFile},
    Word{"cap", "SIZE", "with an overlay, what may be written to it", Kind::kText},
    Word{"iops", "N[:BURST]", "at most so many requests in a second, and so many at once",
         Kind::kText},
    Word{"bps", "SIZE[:BURST]", "at most so many bytes in a second, and so many at once",
         Kind::kText},
    Word{"direct", "", "past this host's page cache"},
    Word{"engine", "auto|uring|sync",
         "io_uring, or a system call for each request (auto: uring where it is there)",
         Kind::kChoice},
    Word{"serial", "TEXT", "what the guest is told, instead of mayfly-disk-N", Kind::kText},
};

constexpr std::array kNetWords = {
    Word{"user", "", "through this user's own connections: no preparation, no root (passt)",
         Kind::kNone, Place::kFirst},
    Word{"tap", "NAME", "the tap interface NAME", Kind::kText, Place::kFirst},
    Word{"fd", "N", "a tap interface, open already; again, behind, for a queue pair more",
         Kind::kText, Place::kFirst},
    Word{"none", "", "a cable that ends nowhere", Kind::kNone, Place::kFirst},
    Word{"mac", "ADDRESS", "instead of one made by chance", Kind::kText},
    Word{"mtu", "BYTES", "what the guest is told", Kind::kText},
    Word{"queues", "N", "queue pairs of a tap", Kind::kText},
    Word{"forward", "[udp:]HOST[:GUEST]",
         "with `user`, a port of this host that leads into the guest; repeat for more",
         Kind::kText},
    Word{"address", "CIDR", "no other source address passes; repeat for more", Kind::kText},
    Word{"allow", "CIDR[:PROTOCOL[:PORTS]]",
         "nothing else may be sent; repeat for more; `none` for nothing at all", Kind::kText},
    Word{"tx-pps", "N[:BURST]", "at most so many packets sent in a second, and so many at once",
         Kind::kText},
    Word{"tx-bps", "SIZE[:BURST]", "the same for the bytes sent", Kind::kText},
    Word{"rx-pps", "N[:BURST]", "the same for the packets received", Kind::kText},
    Word{"rx-bps", "SIZE[:BURST]", "the same for the bytes received", Kind::kText},
};

constexpr std::array kMemoryWords = {
    Word{"pages", "small|transparent|reserved",
         "what the memory is made of: transparent and reserved pages are huge (small)",
         Kind::kChoice},
};

constexpr std::array kLimitWords = {
    Word{"cpu", "N", "CPUs' worth of time, such as 0.5", Kind::kText, Place::kAnywhere},
    Word{"weight", "N", "against others who want the same CPU (100)", Kind::kText,
         Place::kAnywhere},
    Word{"cpuset", "LIST", "the CPUs that it may run on, such as 0-3; repeat for more", Kind::kText,
         Place::kAnywhere},
    Word{"memory", "SIZE", "what it may touch; beyond it, the VM is ended", Kind::kText,
         Place::kAnywhere},
    Word{"pids", "N", "threads and processes", Kind::kText, Place::kAnywhere},
    Word{"io", "DISK", "a disk of this host, which the four words below are of", Kind::kFile,
         Place::kAnywhere},
    Word{"rbps", "SIZE", "bytes read in a second", Kind::kText},
    Word{"wbps", "SIZE", "bytes written in a second", Kind::kText},
    Word{"riops", "N", "requests to read in a second", Kind::kText},
    Word{"wiops", "N", "requests to write in a second", Kind::kText},
};

constexpr std::array kOptions = {
    Option{.id = Id(RunOption::kFile),
           .letter = 'f',
           .name = "file",
           .argument = "FILE",
           .help = "take the specification in FILE (or -, standard input): a MachineSpec of "
                   "api/mayfly.capnp, as JSON or Cap'n Proto text. Other options count more than "
                   "what it says, and their disks and network cards come behind its own; names of "
                   "files in it mean what they would mean here",
           .presence = Presence::kRequired,
           .kind = Kind::kFile},
    Option{.id = Id(RunOption::kKernel),
           .name = "kernel",
           .argument = "FILE",
           .help = "the guest: a Linux kernel (bzImage, or vmlinux ELF) or a unikernel (ELF)",
           .presence = Presence::kRequired,
           .kind = Kind::kFile},
    Option{.id = Id(RunOption::kInitrd),
           .name = "initrd",
           .argument = "FILE",
           .help = "an initial RAM disk",
           .presence = Presence::kRequired,
           .kind = Kind::kFile},
    Option{.id = Id(RunOption::kCmdline),
           .name = "cmdline",
           .argument = "TEXT",
           .help = "the kernel's command line, instead of \"console=ttyS0 reboot=k panic=-1 "
                   "quiet\"",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    Option{.id = Id(RunOption::kDisk),
           .name = "disk",
           .argument = "FILE[,WORD]...",
           .help = "a raw disk image or block device, as /dev/vda, vdb, ... in this order. WORD is "
                   "one of",
           .presence = Presence::kRequired,
           .kind = Kind::kFile,
           .words = kDiskWords},
    Option{.id = Id(RunOption::kNet),
           .name = "net",
           .argument = "WAY[,WORD]...",
           .help = "a network card, as eth0, eth1, ... in this order. WAY is the first of its "
                   "words: one of the first four",
           .presence = Presence::kRequired,
           .words = kNetWords},
    Option{.id = Id(RunOption::kCpus),
           .name = "cpus",
           .argument = "N",
           .help = "how many CPUs (1)",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    Option{.id = Id(RunOption::kMemory),
           .name = "memory",
           .argument = "SIZE[,WORD]",
           .help = "how much memory, such as 64M, 512MiB or 1G (128M). WORD is",
           .presence = Presence::kRequired,
           .kind = Kind::kText,
           .words = kMemoryWords},
    Option{.id = Id(RunOption::kLimit),
           .name = "limit",
           .argument = "WORD[,WORD]...",
           .help = "what the VM may take of this host, its VMM included. WORD is one of",
           .presence = Presence::kRequired,
           .words = kLimitWords},
    Option{.id = Id(RunOption::kCgroupParent),
           .name = "cgroup-parent",
           .argument = "NAME",
           .help = "the cgroup, from the top, to make the VM's in, such as /fleet",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    Option{.id = Id(RunOption::kTimeout),
           .name = "timeout",
           .argument = "TIME",
           .help = "end the VM after this time, such as 500ms, 10s or 2m",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    Option{.id = Id(RunOption::kBoot),
           .name = "boot",
           .argument = "auto|pvh|linux64",
           .help = "how the kernel is entered (auto)",
           .presence = Presence::kRequired,
           .kind = Kind::kChoice},
    Option{.id = Id(RunOption::kDetach),
           .letter = 'd',
           .name = "detach",
           .help = "have the host service keep the VM, and end at once, with its name on standard "
                   "output: one made by chance where --name gives none"},
    Option{.id = Id(RunOption::kName),
           .name = "name",
           .argument = "NAME",
           .help = "what the host service knows the VM by",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    Option{.id = Id(RunOption::kLabel),
           .name = "label",
           .argument = "NAME=VALUE",
           .help = "a word about the VM, which the host service keeps for `mayfly ps --label`; "
                   "repeat for more",
           .presence = Presence::kRequired,
           .kind = Kind::kText},
    Option{.id = Id(RunOption::kOnHost),
           .name = "host",
           .argument = "SOCKET",
           .help = "have this host service run the VM, instead of what $MAYFLY_HOST says or "
                   "this user's own, where one runs; `none`: have none",
           .presence = Presence::kRequired,
           .kind = Kind::kFile},
    Option{.id = Id(RunOption::kFormat),
           .letter = kOutput.letter,
           .name = kOutput.name,
           .argument = kOutput.argument,
           .help = "with --detach, the VM's name as text (where nothing is said), or its name and "
                   "its number as JSON",
           .presence = Presence::kRequired,
           .kind = Kind::kChoice},
    Option{.id = Id(RunOption::kTimeline),
           .name = "timeline",
           .argument = "FILE",
           .help = "say at the end, on standard error, when each step of the start happened",
           .presence = Presence::kOptional,
           .kind = Kind::kFile,
           .other_form = "=FILE",
           .other_help = "draw the same into FILE, as SVG"},
    kHelp,
};

constexpr std::array kNotes = {
    Note{"Arguments", "What stands behind \"--\" are arguments for the guest's init."},
    Note{"Console",
         "On a terminal every key goes to the guest, ^C too; Ctrl-] and then q ends the VM. The "
         "end of standard input does not end it."},
    Note{"Exit status",
         "The guest's own where it gives one; 0 after power-off or reset; 134 after a guest "
         "panic, 137 where memory ran out (--limit memory), 139 after a triple fault; 124 after "
         "the timeout; 130, 143, 129 or 131 where SIGINT, SIGTERM, SIGHUP or SIGQUIT ended it, 141 "
         "where nobody reads standard output any more; 2 for a bad command, file or setting; 125 "
         "where the VMM or the host failed; 159 where the VMM broke its rules."},
    Note{"Host service",
         "Where a host service (mayflyd) is named, or this user's own runs, it has the VM, which "
         "others of its user can see and use then. The files are opened by this command all the "
         "same. Otherwise the VM is this command's alone."},
    Note{"Environment",
         "$MAYFLY_VMM names another mayfly-vmm than the one beside this program, $MAYFLY_HOST a "
         "host service."},
};

}  // namespace

constinit const Command kRunCommand = {
    .name = "run",
    .summary = "boot a VM on this terminal; its exit status becomes the command's",
    .usage = "--kernel FILE|-f FILE [OPTION]... [-- WORD...]",
    .description = "Boots a VM, with its serial console on standard input and output.",
    .options = kOptions,
    .notes = kNotes,
};

}  // namespace mayfly::cli
