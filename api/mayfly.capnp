@0xd3f1a6c27b5e4890;
# Mayfly's control plane. Evolution: fields, enumerants and methods are only ever appended; what a reader does not know it
# ignores; defaults are what an older writer meant.

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
  file @0 :File;
  name @1 :Text;  # as the user wrote it: for messages only, never opened
}

struct Disk {
  image @0 :NamedFile;  # a regular file or a block device, opened for the access asked for
  readOnly @1 :Bool;
  serial @2 :Text;      # what VIRTIO_BLK_T_GET_ID answers: at most 20 bytes; empty makes one from the position
}

struct CpuidEntry {
  function @0 :UInt32;
  index @1 :UInt32;
  flags @2 :UInt32;
  eax @3 :UInt32;
  ebx @4 :UInt32;
  ecx @5 :UInt32;
  edx @6 :UInt32;
}

struct CpuProfile {
  # What KVM_GET_SUPPORTED_CPUID said on this host, and whether its KVM emulates privileged code. The question costs about
  # a millisecond where the host is itself virtual, and the answer is the same until the next boot: ask once, keep it.
  entries @0 :List(CpuidEntry);
  softwareKvm @1 :Bool;  # neither VMX nor SVM: ring 0 is emulated, see docs/hosts.md
}

struct MachineSpec {
  cpus @0 :UInt16 = 1;
  memoryBytes @1 :UInt64 = 134217728;  # a multiple of 4096
  kernel @2 :NamedFile;
  initrd @3 :NamedFile;                # optional
  commandLine @4 :Text;                # the devices are added by the VMM
  bootProtocol @5 :BootProtocol;
  disks @6 :List(Disk);
  timeoutNanoseconds @7 :UInt64;       # from start() to a forced end; 0: none
  cpuProfile @8 :CpuProfile;           # optional: asked of KVM where it is missing
  memoryBacking @9 :MemoryBacking;
}

enum MemoryBacking {
  anonymous @0;
  memfd @1;
  transparentHuge @2;  # anonymous, with transparent huge pages
  hugeTlb @3;          # memfd of reserved 2 MiB pages
}

enum ExitReason {
  status @0;         # a byte written to the exit port
  powerOff @1;       # ACPI S5
  reset @2;          # i8042 or the ACPI reset register
  tripleFault @3;
  guestPanic @4;     # the guest said so at the panic port
  killed @5;         # Machine.kill, or the client went away
  timeout @6;
  internalError @7;  # KVM or the VMM could not go on; `detail` holds registers and instruction bytes
}

struct ExitStatus {
  reason @0 :ExitReason;
  status @1 :UInt8;  # for `status`
  detail @2 :Text;   # one sentence for people, then, for some reasons, lines of detail
}

enum TimelineStep {
  requested @0;
  spawned @1;
  vmmEntered @2;
  specReceived @3;
  vmCreated @4;
  imageLoaded @5;
  vcpusReady @6;
  devicesReady @7;
  firstRun @8;
  kernelEntered @9;      # boot mark 0x40
  userspaceReached @10;  # boot mark 0x41
  firstConsoleByte @11;
  firstKick @12;
  exited @13;
}

struct TimelineEntry {
  step @0 :TimelineStep;
  nanoseconds @1 :UInt64;  # CLOCK_MONOTONIC of the host
}

interface Machine {
  # One VM. Whoever holds this may use it; when the last reference or the connection is gone, the VM ends, and the process
  # that ran it with it. A VM that has ended keeps its status, timeline and console until then.

  start @0 () -> ();
  # Lets the vCPUs run. Once.

  kill @1 () -> ();
  # Ends the VM now; wait() then answers `killed`.

  wait @2 () -> (status :ExitStatus);
  # Answers the moment the VM has ended: its disks are quiescent, and what its console still held has been written to the
  # attached `output` before this answer. The kernel may still be freeing the VM's memory. Can be asked any number of times.

  console @3 (output :ByteStream) -> (input :ByteStream);
  # Attaches to the serial console: what the guest writes, from its first byte on (as far as the replay buffer goes), is
  # sent to `output`, which is ended when the VM has ended; what is written to `input` the guest reads. One at a time: a
  # later call takes over. A reader that is slow loses the oldest bytes (a line in the stream says how many); it never stops
  # the guest.

  timeline @4 () -> (entries :List(TimelineEntry));
  # The steps that have happened, in order of time.
}

interface Vmm {
  # What a mayfly-vmm process offers first on its socket.

  create @0 (kvm :File, spec :MachineSpec, start :Bool, output :ByteStream)
      -> (machine :Machine, input :ByteStream);
  # Makes the one VM of this process, up to but not including its first instruction. `kvm` is /dev/kvm, opened read-write.
  # May be tried again after an error. Errors begin with the name of their kind, such as "INVALID_ARGUMENT: ", and name the
  # field.
  #
  # With `start`, and with an `output`, it also does what Machine.start and Machine.console do, in the same turn: the guest
  # runs some 150 microseconds earlier than with calls of their own.
}
