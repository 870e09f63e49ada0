#include "api/cli/help.h"

#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/cli/exit_code.h"

namespace mayfly::cli {

const std::string_view kMainHelp =
    "Mayfly boots virtual machines in milliseconds.\n"
    "\n"
    "usage: mayfly COMMAND [OPTION]...\n"
    "\n"
    "  run      boot a VM on this terminal; its exit status becomes the command's\n"
    "  disk     look into overlays, make images of them\n"
    "  doctor   say what this host can do, and what to do about what it cannot\n"
    "\n"
    "  --help     say this; `mayfly COMMAND --help` says more\n"
    "  --version  say the version\n";

const std::string_view kRunHelp =
    "Boots a VM, with its serial console on standard input and output.\n"
    "\n"
    "usage: mayfly run --kernel FILE [OPTION]... [-- WORD...]\n"
    "\n"
    "  --kernel FILE      the guest: a Linux kernel (bzImage, or vmlinux ELF) or a unikernel "
    "(ELF)\n"
    "  --initrd FILE      an initial RAM disk\n"
    "  --cmdline TEXT     the kernel's command line, instead of\n"
    "                     \"console=ttyS0 reboot=k panic=-1 quiet\"\n"
    "  --disk FILE[,WORD]...  a raw disk image or block device, as /dev/vda, vdb, ... in this "
    "order:\n"
    "      ro                 read-only\n"
    "      overlay=memory     writes go to memory, and the file is only read; to another file "
    "with\n"
    "      overlay=FILE       this; with cap=SIZE, to no more than that\n"
    "      iops=N[:BURST]     at most so many requests in a second, and so many at once\n"
    "      bps=SIZE[:BURST]   at most so many bytes in a second, and so many at once\n"
    "      direct             past this host's page cache\n"
    "      engine=uring|sync  io_uring, or a system call for each request (uring where it is "
    "there)\n"
    "      serial=TEXT        what the guest is told, instead of mayfly-disk-N\n"
    "  --net WAY[,WORD]...    a network card, as eth0, eth1, ... in this order; WAY is one of\n"
    "      user               through this user's own connections: no preparation, no root "
    "(passt)\n"
    "      tap=NAME           the tap interface NAME\n"
    "      fd=N               a tap interface, open already; ,fd=M for a queue pair more\n"
    "      none               a cable that ends nowhere; and WORD one of\n"
    "      mac=ADDRESS        instead of one made by chance\n"
    "      mtu=BYTES          what the guest is told\n"
    "      queues=N           queue pairs of a tap\n"
    "      forward=[udp:]HOST[:GUEST]  with `user`, a port of this host that leads into the guest\n"
    "      address=CIDR       no other source address passes; repeat for more\n"
    "      allow=CIDR[:PROTOCOL[:PORTS]]  nothing else may be sent; repeat for more\n"
    "      tx-pps=N[:BURST], tx-bps=SIZE[:BURST], rx-pps=, rx-bps=  limits, each way\n"
    "  --cpus N           how many CPUs (1)\n"
    "  --memory SIZE[,pages=PAGES]  how much memory, such as 64M, 512MiB or 1G (128M), in\n"
    "                     small, transparent (huge) or reserved (huge) pages\n"
    "  --limit WORD[,WORD]...  what the VM may take of this host, its VMM included; WORD is one "
    "of\n"
    "      cpu=N              CPUs' worth of time, such as 0.5\n"
    "      weight=N           against others who want the same CPU (100)\n"
    "      cpuset=LIST        the CPUs that it may run on, such as 0-3; repeat for more\n"
    "      memory=SIZE        what it may touch; beyond it, the VM is ended\n"
    "      pids=N             threads and processes\n"
    "      io=DISK            a disk of this host, and of this one:\n"
    "      rbps=SIZE, wbps=SIZE, riops=N, wiops=N  bytes and requests in a second, each way\n"
    "  --cgroup-parent NAME   the cgroup, from the top, to make the VM's in, such as /fleet\n"
    "  --timeout TIME     end the VM after this time, such as 500ms, 10s or 2m\n"
    "  --boot PROTOCOL    auto, pvh or linux64: how the kernel is entered (auto)\n"
    "  --timeline         say at the end, on standard error, when each step of the start happened\n"
    "  --timeline=FILE    draw the same into FILE, as SVG\n"
    "  -- WORD...         arguments for the guest's init\n"
    "\n"
    "On a terminal every key goes to the guest, ^C too; Ctrl-] and then q ends the VM. The end of\n"
    "standard input does not end it.\n"
    "\n"
    "Exit status: the guest's own where it gives one; 0 after power-off or reset; 134 after a "
    "guest\n"
    "panic, 137 where memory ran out (--limit memory), 139 after a triple fault; 124 after the "
    "timeout; 130, 143 or 129 where SIGINT, SIGTERM "
    "or\n"
    "SIGHUP ended it, 141 where nobody reads standard output any more; 2 for a bad command, file "
    "or\n"
    "setting; 125 where the VMM or the host failed; 159 where the VMM broke its rules.\n"
    "\n"
    "$MAYFLY_VMM names another mayfly-vmm than the one beside this program.\n";

const std::string_view kDoctorHelp =
    "Looks at this host as `mayfly run` would find it, and says what is missing or slow, with a "
    "remedy.\n"
    "\n"
    "usage: mayfly doctor\n"
    "\n"
    "Exit status: 0 where guests can run, 1 where they cannot.\n";

int Print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0) return static_cast<int>(ExitCode::kFailure);
    text.remove_prefix(static_cast<size_t>(written));
  }
  return static_cast<int>(ExitCode::kSuccess);
}

void Complain(absl::string_view sentence) {
  while (absl::EndsWith(sentence, "\n")) sentence.remove_suffix(1);
  const std::string line = absl::StrCat("mayfly: ", sentence, "\n");
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace mayfly::cli
