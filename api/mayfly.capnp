@0xd3f1a6c27b5e4890;
# Mayfly's control plane.
#
# Evolution: fields, enumerants and methods are only ever appended, and what is here keeps its number, type and meaning. A
# field that a writer does not know has its default, which is what it meant. A field that a reader does not know it ignores,
# a limit for instance: HostStats.version tells a client what its host is. An enumerant, a member of a union or a method that
# a service does not know it refuses (INVALID_ARGUMENT, UNIMPLEMENTED); clients take unknown enumerants for "something else".

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("mayfly::rpc");

interface File {
  # A file descriptor, sent as a capability (SCM_RIGHTS on the Unix socket). It has no methods: whoever holds it has the
  # open file, with the access it was opened for.
}

interface ByteStream {
  # One direction of bytes. A write completes when the receiver has room for more, so a slow receiver slows its writer only.
  write @0 (bytes :Data) -> stream;
  end @1 ();
  # No more will come.
}

enum BootProtocol {
  auto @0;     # PVH where the kernel offers it, otherwise what its format says
  pvh @1;      # ELF with a PVH entry note
  linux64 @2;  # the 64-bit entry of the Linux boot protocol (ELF or bzImage)
}

struct NamedFile {
  file @0 :File;  # open for the access that its place asks for
  name @1 :Text;  # as the user wrote it, for messages. Where `file` is missing, a Host opens it with its client's rights: an
                  # absolute path. A Vmm never does
}

struct RateLimit {
  # A token bucket: it fills evenly, by `perSecond` in a second, up to `burst`.
  perSecond @0 :UInt64;  # 0: no limit
  burst @1 :UInt64;      # 0: what a second brings
}

struct RateLimits {
  # A request is admitted when both buckets have room for it.
  operations @0 :RateLimit;  # a disk's requests; a network device's packets
  bytes @1 :RateLimit;       # of data; a frame's without virtio's header
}

enum DiskEngine {
  auto @0;     # io_uring where the host lets the VMM use it, otherwise sync
  sync @1;     # a system call for each request, on the device thread
  ioUring @2;  # requests are collected, handed over in one call, and complete later; an error where the host refuses
}

struct Overlay {
  # A layer above the disk's image, which takes all that the guest writes; the image is only read, and can serve any
  # number of VMs at once. See docs/disks.md.
  upper :union {
    memory @0 :Void;     # forgotten when the VM ends
    file @1 :NamedFile;  # opened read-write: an overlay of this image, or an empty file that becomes one
  }
  capBytes @2 :UInt64;   # what the layer may grow to; beyond it the guest's writes fail. 0: no limit
}

struct Disk {
  image @0 :NamedFile;   # a regular file or a block device, opened for the access asked for: for reading under an overlay
  readOnly @1 :Bool;     # not with an overlay
  serial @2 :Text;       # what VIRTIO_BLK_T_GET_ID answers: at most 20 bytes; empty makes one from the position
  engine @3 :DiskEngine;
  direct @4 :Bool;       # past the host's page cache (O_DIRECT)
  overlay @5 :Overlay;   # optional
  limits @6 :RateLimits; # of what the guest asks of it
}

struct IpPrefix {
  address @0 :Data;        # 4 bytes for IPv4, 16 for IPv6, in network order; no bit is set behind the prefix
  prefixLength @1 :UInt8;  # in bits
}

enum IpProtocol {
  any @0;   # the rest, too
  tcp @1;
  udp @2;
  icmp @3;  # ICMPv6 for an IPv6 destination
}

struct EgressRule {
  # Packets that may leave.
  destination @0 :IpPrefix;
  protocol @1 :IpProtocol;  # IP's next header, behind extension headers
  firstPort @2 :UInt16;  # the destination's ports, both ends included; for `tcp` and `udp` only
  lastPort @3 :UInt16 = 65535;
}

struct NetFilter {
  # What a guest may send, beyond frames from its own MAC address, which is what it may send in any case. Everything
  # else is dropped and counted. See docs/networking.md.
  addresses @0 :List(IpPrefix);  # where given: no source address of IPv4, IPv6, ARP or neighbour discovery but these
  egress @1 :List(EgressRule);   # where given, be it empty: nothing may leave but what one of these allows
}

struct PortForward {
  # A port of the host that leads to one of the guest's.
  protocol @0 :IpProtocol = tcp;  # tcp or udp
  host @1 :UInt16;                # of all its addresses
  guest @2 :UInt16;               # 0: the same
}

struct UserNet {
  # A network through the connections of the user who starts the VM, by passt(1).
  forwards @0 :List(PortForward);  # others reach the guest by these alone
}

struct Net {
  name @0 :Text;              # such as "tap tap0": for messages only
  backend :union {
    none @1 :Void;            # a cable that ends nowhere
    tap @2 :List(File);       # of /dev/net/tun, after TUNSETIFF with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR, non-blocking; one
                              # for each queue pair (IFF_MULTI_QUEUE where there are more)
    passt @3 :File;           # a stream socket connected to passt(1), which was started for this VM
    tapNamed @10 :Text;       # for a Host, which opens the interface with its client's rights, and for files. A Vmm refuses it
    user @11 :UserNet;        # for a Host, which starts passt as its client's user, and for files. A Vmm refuses it
  }
  mac @4 :Data;               # 6 bytes; empty makes one by chance
  mtu @5 :UInt16;             # bytes, told to the guest; 0: not told
  queuePairs @6 :UInt16 = 1;  # more than the VM's CPUs are of no use
  filter @7 :NetFilter;       # optional
  transmit @8 :RateLimits;    # what the guest sends
  receive @9 :RateLimits;     # what it is sent
}

struct CpuidEntry {
  # A struct kvm_cpuid_entry2.
  function @0 :UInt32;
  index @1 :UInt32;
  flags @2 :UInt32;  # KVM_CPUID_FLAG_*
  eax @3 :UInt32;
  ebx @4 :UInt32;
  ecx @5 :UInt32;
  edx @6 :UInt32;
}

struct CpuProfile {
  # What KVM_GET_SUPPORTED_CPUID said on this host, and whether its KVM emulates privileged code. The question costs about
  # a millisecond where the host is itself virtual, and the answer is the same until the next boot: ask once, keep it.
  entries @0 :List(CpuidEntry);  # at most 256
  softwareKvm @1 :Bool;  # neither VMX nor SVM: ring 0 is emulated, see docs/hosts.md
}

struct Label {
  # A word about a VM for those who run many: Host.list finds VMs by their labels.
  name @0 :Text;   # 1 to 63 letters, digits and characters of "._-/", of which a spec has each once
  value @1 :Text;  # at most 255 bytes
}

struct IoLimit {
  # What may go to and from one disk in a second. 0: no limit.
  major @0 :UInt32;  # of the block device: a whole disk, not a partition
  minor @1 :UInt32;  # as well
  readBytes @2 :UInt64;
  writeBytes @3 :UInt64;
  readOperations @4 :UInt64;
  writeOperations @5 :UInt64;
}

struct ResourceLimits {
  # What the process of a VM may take of its host, by cgroups: see docs/limits.md. 0, or empty: no limit.
  cpus @0 :Float64;        # 0.5: 50 ms in every 100 ms
  cpuWeight @1 :UInt64;    # against others who want the same CPU, who have 100
  cpuset @2 :Text;         # where it runs: "0-3,8"
  memoryBytes @3 :UInt64;  # has to hold what the guest touches of its memory, and some MiB for the VMM
  pids @4 :UInt64;         # processes and threads
  io @5 :List(IoLimit);
}

struct MachineSpec {
  # A VM. What is missing, and has no default, is optional unless it says otherwise.
  cpus @0 :UInt16 = 1;                 # vCPUs
  memoryBytes @1 :UInt64 = 134217728;  # a multiple of 4096
  kernel @2 :NamedFile;                # needed: an ELF or a bzImage
  initrd @3 :NamedFile;
  commandLine @4 :Text;                # the devices are added by the VMM
  bootProtocol @5 :BootProtocol;       # by which the kernel is entered
  disks @6 :List(Disk);                # in the guest's order: /dev/vda is the first
  timeoutNanoseconds @7 :UInt64;       # from start() to a forced end; 0: none
  cpuProfile @8 :CpuProfile;           # asked of KVM where it is missing
  memoryBacking @9 :MemoryBacking;     # where the guest's memory comes from
  nets @10 :List(Net);                 # after the disks in the guest's order
  limits @11 :ResourceLimits;          # for a Host; a Vmm, whose process is there already, does not look at them
  labels @12 :List(Label);             # for a Host, as well
}

enum MemoryBacking {
  anonymous @0;        # private pages, as the guest touches them
  memfd @1;            # a file in memory
  transparentHuge @2;  # anonymous, with transparent huge pages
  hugeTlb @3;          # memfd of reserved 2 MiB pages
}

enum ExitReason {
  status @0;         # a byte written to the exit port
  powerOff @1;       # ACPI S5
  reset @2;          # i8042 or the ACPI reset register
  tripleFault @3;    # the guest's CPU could not even deliver a fault
  guestPanic @4;     # the guest said so at the panic port
  killed @5;         # Machine.kill, or the client went away
  timeout @6;        # MachineSpec.timeoutNanoseconds have passed
  internalError @7;  # KVM or the VMM could not go on; `detail` holds registers and instruction bytes
  violation @8;      # the VMM did what it may not (seccomp), and was ended on the spot: who started the
                     # process learns it by its exit status, 159, and its last words
  outOfMemory @9;    # the kernel ended it for want of memory (its cgroup's, or the host's): who started the
                     # process, and knows its cgroup, learns it by the count of memory.events there
}

struct ExitStatus {
  reason @0 :ExitReason;
  status @1 :UInt8;  # for `status`
  detail @2 :Text;   # one sentence for people, then, for some reasons, lines of detail
}

enum TimelineStep {
  requested @0;          # a user asked for the VM
  spawned @1;            # the VMM's process was about to be made
  vmmEntered @2;         # that process is at its main(), in its jail
  specReceived @3;
  vmCreated @4;          # KVM has made an empty one
  imageLoaded @5;        # the kernel and the initrd are in the guest's memory
  vcpusReady @6;
  devicesReady @7;
  firstRun @8;           # the first vCPU is about to run
  kernelEntered @9;      # boot mark 0x40
  userspaceReached @10;  # boot mark 0x41
  firstConsoleByte @11;
  firstKick @12;         # the guest has handed a device its first request
  exited @13;
}

struct TimelineEntry {
  step @0 :TimelineStep;   # happens once in the life of a VM
  nanoseconds @1 :UInt64;  # CLOCK_MONOTONIC of the host
}

struct DiskStats {
  # Since the VM was made; requests are counted when they are done, with success or without.
  reads @0 :UInt64;         # VIRTIO_BLK_T_IN, and so on
  writes @1 :UInt64;
  flushes @2 :UInt64;
  discards @3 :UInt64;
  writeZeroes @4 :UInt64;
  readBytes @5 :UInt64;     # of the reads that succeeded
  writtenBytes @6 :UInt64;  # of the writes that succeeded
  errors @7 :UInt64;        # requests that ended in an I/O error
  throttled @8 :UInt64;     # requests that a rate limit made wait
  capacity @9 :UInt64;      # bytes, now
  overlayBytes @10 :UInt64; # that an overlay takes, now
}

struct NetDrops {
  # Frames that went no further.
  reason @0 :Text;    # for people
  frames @1 :UInt64;
}

struct NetDirectionStats {
  packets @0 :UInt64;        # a frame that is yet to be cut up (GSO) is one
  bytes @1 :UInt64;          # of frames, without virtio's header
  throttled @2 :UInt64;      # packets that a rate limit made wait
  drops @3 :List(NetDrops);  # those that there were
}

struct NetStats {
  # Since the VM was made.
  mac @0 :Data;                    # 6 bytes
  transmit @1 :NetDirectionStats;  # what the guest sent
  receive @2 :NetDirectionStats;   # what it was sent
}

enum EventKind {
  device @0;       # a guest broke a device's protocol, or a device failed
  overlayFull @1;  # a disk or its overlay has no room for what the guest writes
  paused @2;       # Machine.pause has answered, and so on
  resumed @3;
  launched @4;     # on a Host
  exited @5;       # on a Host: `exit` says how
  detached @6;     # lives without its clients from now on
  attached @7;     # ends with them again
  lost @8;         # this listener was too slow, and has not been told of so many events as `text` says
  link @9;         # a network device has lost its link
}

struct Event {
  # Something that an owner should know, and that ends nothing. A misbehaving guest cannot cause any number of them.
  sequence @0 :UInt64;     # counts up from 1 within one source (a VM's process; a Host), without gaps; of `lost`: its last
  nanoseconds @1 :UInt64;  # CLOCK_MONOTONIC of the host
  kind @2 :EventKind;
  text @3 :Text;           # one sentence for people, which names the device
  machine @4 :UInt64;      # a Host's events: which VM it is about. 0 for a VM's own
  name @5 :Text;           # a Host's events: the VM's name, where it has one
  exit @6 :ExitStatus;     # of `exited`; missing otherwise
}

interface EventListener {
  event @0 (event :Event) -> stream;
  # Who answers late is told of less (`lost`), and holds up nobody else.
}

enum MachineState {
  created @0;  # and not started
  running @1;  # or asleep: its vCPUs may run
  paused @2;   # by Machine.pause
  ended @3;    # it has an ExitStatus
}

struct MachineStats {
  state @0 :MachineState;     # now
  cpuNanoseconds @1 :UInt64;  # CPU time of the VMM's process: the guest's, and what was done for it
  residentBytes @2 :UInt64;   # memory of the VMM's process. 0: not known, as in a jail, from which nobody can look;
                              # a Host looks for it
  disks @3 :List(DiskStats);  # in the order of the MachineSpec
  nets @4 :List(NetStats);    # as well
  consoleBytes @5 :UInt64;    # that the guest has written
  events @6 :UInt64;          # that there were: the last one's sequence number
}

enum Permission {
  # What may be done with a narrowed Machine.
  wait @0;     # wait, events
  console @1;  # console
  stats @2;    # stats, timeline
  control @3;  # all the rest but narrow, which is anybody's
}

interface Machine {
  # One VM. Whoever holds this may use it; when the last reference or the connection is gone, the VM ends, and the process
  # that ran it with it, unless it is detached. A VM that has ended keeps its status, timeline and console until then.

  start @0 () -> ();
  # Lets the vCPUs run. Once.

  kill @1 () -> ();
  # Ends the VM now; wait() then answers `killed`.

  wait @2 () -> (status :ExitStatus);
  # Answers the moment the VM has ended: its disks are quiescent, and what its console still held has been written to the
  # attached `output` before this answer, unless that stalls for a second. The kernel may still be freeing the VM's memory.
  # Can be asked any number of times.

  console @3 (output :ByteStream) -> (input :ByteStream);
  # Attaches to the serial console: what the guest writes, from its first byte on (as far as the replay buffer goes), is
  # sent to `output`, which is ended when the VM has ended; what is written to `input` the guest reads. One at a time: a
  # later call takes over. A reader that is slow loses the oldest bytes (a line in the stream says how many); it never stops
  # the guest.

  timeline @4 () -> (entries :List(TimelineEntry));
  # The steps that have happened, in order of time.

  # Disks and network devices are meant by their positions in the MachineSpec. The three calls that follow are possible until
  # the VM has ended.

  updateDisk @5 (disk :UInt32, limits :RateLimits) -> ();
  # New limits from now on, instead of all that there were.

  updateNet @6 (net :UInt32, transmit :RateLimits, receive :RateLimits) -> ();
  # New limits from now on. A direction that is not given keeps its own.

  resizeDisk @7 (disk :UInt32) -> (bytes :UInt64);
  # Looks at the size of the disk's image again and tells the guest. Grow the file or volume first; shrink it only when
  # the guest has given up what was there. Answers the size. Not for a disk with an overlay.

  stats @8 () -> (stats :MachineStats);
  # What its devices and its process have done so far.

  events @9 (listener :EventListener) -> ();
  # Tells `listener` of all events, those of before this call first, as far as they are kept (the last 512). Up to 16
  # listeners at once: RESOURCE_EXHAUSTED beyond.

  narrow @10 (permissions :List(Permission)) -> (machine :Machine);
  # A Machine to give away: what `permissions` does not have fails with PERMISSION_DENIED there, as it does here when asked
  # for more than this one has itself. It does not keep the VM alive.

  detach @11 (name :Text) -> ();
  # From now on the VM outlives its clients, its starter too. When it has ended, its process stays, with its status and
  # console, until attach(). FAILED_PRECONDITION where nobody could find it again. A VMM of its own does not look at `name`,
  # and has to listen (Vmm.listen). On a Host it is found by `name` (Host.get), which may be empty where the VM has one.

  attach @12 () -> ();
  # Undoes detach: the VM lives as long as somebody holds its Machine.

  pause @13 () -> ();
  # Answers when no vCPU runs, and nobody touches the guest's memory any more, its disks and network devices neither. The
  # time of the host goes on, the VM's timeout too; kill() works. FAILED_PRECONDITION before start() and after the end.
  # Twice is fine.

  resume @14 () -> ();
  # Goes on. A guest whose clock is KVM's is told that it did not run for a while. Does nothing where it runs;
  # FAILED_PRECONDITION before start() and after the end.

  powerButton @15 () -> ();
  # Presses the power button, which a guest with ACPI finds: most end themselves, some do nothing. A paused one is told when
  # it goes on. FAILED_PRECONDITION before start() and after the end.
}

interface Vmm {
  # What a mayfly-vmm process offers first on its socket.

  create @0 (kvm :File, spec :MachineSpec, start :Bool, output :ByteStream, listener :EventListener)
      -> (machine :Machine, input :ByteStream);
  # Makes the one VM of this process, up to but not including its first instruction. `kvm` is /dev/kvm, opened read-write.
  # May be tried again after an error. Errors begin with the name of their kind, such as "INVALID_ARGUMENT: ", and name the
  # field.
  #
  # With `start`, with an `output` and with a `listener`, it also does what Machine.start, Machine.console and
  # Machine.events do, in the same turn: the guest runs some 150 microseconds earlier than with calls of their own.

  machine @1 () -> (machine :Machine, record :Data, files :List(File));
  # The VM that this process has already, and what the last listen() left. FAILED_PRECONDITION where there is no VM.

  listen @2 (socket :File, record :Data, files :List(File)) -> ();
  # Offers this Vmm also to whoever connects to `socket`, a listening Unix stream socket, and keeps `record` (at most 64 KiB)
  # and `files` (at most 4) for machine(): a host that is started again finds there what it has to know. A later call
  # replaces what an earlier one gave.
}

struct MachineInfo {
  # What a Host knows of a VM without asking it.
  id @0 :UInt64;            # of this VM alone, counting up, as long as the Host lives
  name @1 :Text;            # empty where it has none
  labels @2 :List(Label);   # as launched
  state @3 :MachineState;
  cpus @4 :UInt16;          # vCPUs
  memoryBytes @5 :UInt64;   # the guest's
  launchedAt @6 :UInt64;    # nanoseconds of CLOCK_REALTIME
  detached @7 :Bool;        # lives without anybody who holds its Machine
  exit @8 :ExitStatus;      # once it has ended
  owner @9 :UInt32;         # the user id of who launched it
  pid @10 :UInt32;          # of its VMM process, as the Host sees it; 0 once that is gone
  residentBytes @11 :UInt64;   # memory that the VMM process takes now, the guest's with it
  cpuNanoseconds @12 :UInt64;  # processor time that the VMM process has had
}

struct HostCapacity {
  # What there is, and what there may be. 0 for the most: no limit but the host's.
  machines @0 :UInt32;         # VMs that are held or detached, those that have ended as well
  machinesMost @1 :UInt32;
  memoryBytes @2 :UInt64;      # of all guests, touched or not
  memoryBytesMost @3 :UInt64;
  hostMemoryBytes @4 :UInt64;  # RAM of the machine
  cpus @5 :UInt64;             # of all guests
  cpusMost @6 :UInt64;
  hostCpus @7 :UInt32;         # processors of the machine
  openFiles @8 :UInt64;        # of the service itself, which has some for each VM and each connection
  openFilesMost @9 :UInt64;
  connections @10 :UInt32;     # of clients, now
  connectionsMost @11 :UInt32;
}

struct ExitCount {
  # How many VMs have ended by it.
  reason @0 :ExitReason;
  count @1 :UInt64;
}

struct LatencyBucket {
  # So many took so long.
  upToMicroseconds @0 :UInt64;  # and more than the bucket before; 0: all that is longer
  count @1 :UInt64;
}

struct StepLatency {
  # How long after the launch was asked for a step was reached, of VMs that have ended by themselves or live for a second.
  step @0 :TimelineStep;
  count @1 :UInt64;
  sumMicroseconds @2 :UInt64;        # of all that were counted
  buckets @3 :List(LatencyBucket);   # the shortest first, those without any as well
}

struct HostStats {
  # Since the service was started.
  version @0 :Text;      # of the service, as `mayflyd --version` says it
  uptimeNanoseconds @1 :UInt64;
  launches @2 :UInt64;   # that succeeded
  failures @3 :UInt64;   # launches that did not
  exits @4 :List(ExitCount);   # one for each reason
  created @5 :UInt32;    # VMs in that state now, of all users, and so on
  running @6 :UInt32;
  paused @7 :UInt32;
  ended @8 :UInt32;
  connections @9 :UInt32;      # of clients, now
  latencies @10 :List(StepLatency);
}

interface Host {
  # What mayflyd offers first on its socket: VMs on this machine, each in a jailed process of its own. A caller sees the
  # VMs of its own user; root, and the user that the service runs as, see all. See docs/api.md.

  launch @0 (spec :MachineSpec, name :Text, start :Bool, output :ByteStream, listener :EventListener, detached :Bool)
      -> (machine :Machine, input :ByteStream, jailLacks :List(Text));
  # Makes a VM, as Vmm.create does, which is also where `start`, `output` and `listener` are explained; the `cpuProfile` is
  # the Host's. The VM ends when the last reference to `machine` is gone, or the connection; with `detached`, which does
  # what Machine.detach does, it does not.
  #
  # `name`: up to 64 letters, digits, "-", "_" and ".", the first a letter or digit; no other VM of the caller's has it at
  # the time. Empty: none.
  #
  # `jailLacks`: what the VM's jail lacks of what jails have, each a sentence with its remedy; usually nothing. See
  # docs/security.md.

  get @1 (name :Text) -> (machine :Machine);
  # A VM of that name: the caller's, otherwise one that the caller sees; otherwise the one whose MachineInfo.id it is, as
  # "12" or "#12".

  list @2 (labels :List(Label)) -> (machines :List(MachineInfo));
  # The VMs that the caller sees and which have all of `labels`, in the order of their launches.

  events @3 (listener :EventListener, since :UInt64) -> ();
  # Tells `listener` of the VMs that the caller sees: launched, exited, and what their VMMs report. First those events with
  # a sequence number above `since` that are still kept, then what comes, as long as the connection lasts. Those of VMs
  # that the caller does not see leave gaps in the numbers. Up to 16 listeners at once on a connection: RESOURCE_EXHAUSTED
  # beyond.

  capacity @4 () -> (capacity :HostCapacity);
  # How much there is of all users, and how much there may be.

  stats @5 () -> (stats :HostStats);
  # Counts and times of all users' VMs.

  drain @6 () -> ();
  # From now on no VM is launched (UNAVAILABLE), by nobody, until the service is started again; answers when the last VM
  # has ended. For root, and the user that the service runs as.

  inspect @7 (name :Text) -> (info :MachineInfo, spec :MachineSpec);
  # What is known of the VM that get() would find, and what it was launched with, but for its files.
}
