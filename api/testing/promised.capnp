@0xd3f1a6c27b5e4890;
# What api/mayfly.capnp has promised, without its comments: //api:schema_test sees to it that all of it stays as it is.
# A release replaces this by its own.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("mayfly::rpc");

interface File {
}

interface ByteStream {
  write @0 (bytes :Data) -> stream;
  end @1 ();
}

enum BootProtocol {
  auto @0;
  pvh @1;
  linux64 @2;
}

struct NamedFile {
  file @0 :File;
  name @1 :Text;
}

struct RateLimit {
  perSecond @0 :UInt64;
  burst @1 :UInt64;
}

struct RateLimits {
  operations @0 :RateLimit;
  bytes @1 :RateLimit;
}

enum DiskEngine {
  auto @0;
  sync @1;
  ioUring @2;
}

struct Overlay {
  upper :union {
    memory @0 :Void;
    file @1 :NamedFile;
  }
  capBytes @2 :UInt64;
}

struct Disk {
  image @0 :NamedFile;
  readOnly @1 :Bool;
  serial @2 :Text;
  engine @3 :DiskEngine;
  direct @4 :Bool;
  overlay @5 :Overlay;
  limits @6 :RateLimits;
}

struct IpPrefix {
  address @0 :Data;
  prefixLength @1 :UInt8;
}

enum IpProtocol {
  any @0;
  tcp @1;
  udp @2;
  icmp @3;
}

struct EgressRule {
  destination @0 :IpPrefix;
  protocol @1 :IpProtocol;
  firstPort @2 :UInt16;
  lastPort @3 :UInt16 = 65535;
}

struct NetFilter {
  addresses @0 :List(IpPrefix);
  egress @1 :List(EgressRule);
}

struct PortForward {
  protocol @0 :IpProtocol = tcp;
  host @1 :UInt16;
  guest @2 :UInt16;
}

struct UserNet {
  forwards @0 :List(PortForward);
}

struct Net {
  name @0 :Text;
  backend :union {
    none @1 :Void;
    tap @2 :List(File);
    passt @3 :File;
    tapNamed @10 :Text;
    user @11 :UserNet;
  }
  mac @4 :Data;
  mtu @5 :UInt16;
  queuePairs @6 :UInt16 = 1;
  filter @7 :NetFilter;
  transmit @8 :RateLimits;
  receive @9 :RateLimits;
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
  entries @0 :List(CpuidEntry);
  softwareKvm @1 :Bool;
}

struct Label {
  name @0 :Text;
  value @1 :Text;
}

struct IoLimit {
  major @0 :UInt32;
  minor @1 :UInt32;
  readBytes @2 :UInt64;
  writeBytes @3 :UInt64;
  readOperations @4 :UInt64;
  writeOperations @5 :UInt64;
}

struct ResourceLimits {
  cpus @0 :Float64;
  cpuWeight @1 :UInt64;
  cpuset @2 :Text;
  memoryBytes @3 :UInt64;
  pids @4 :UInt64;
  io @5 :List(IoLimit);
}

struct MachineSpec {
  cpus @0 :UInt16 = 1;
  memoryBytes @1 :UInt64 = 134217728;
  kernel @2 :NamedFile;
  initrd @3 :NamedFile;
  commandLine @4 :Text;
  bootProtocol @5 :BootProtocol;
  disks @6 :List(Disk);
  timeoutNanoseconds @7 :UInt64;
  cpuProfile @8 :CpuProfile;
  memoryBacking @9 :MemoryBacking;
  nets @10 :List(Net);
  limits @11 :ResourceLimits;
  labels @12 :List(Label);
}

enum MemoryBacking {
  anonymous @0;
  memfd @1;
  transparentHuge @2;
  hugeTlb @3;
}

enum ExitReason {
  status @0;
  powerOff @1;
  reset @2;
  tripleFault @3;
  guestPanic @4;
  killed @5;
  timeout @6;
  internalError @7;
  violation @8;
  outOfMemory @9;
}

struct ExitStatus {
  reason @0 :ExitReason;
  status @1 :UInt8;
  detail @2 :Text;
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
  kernelEntered @9;
  userspaceReached @10;
  firstConsoleByte @11;
  firstKick @12;
  exited @13;
}

struct TimelineEntry {
  step @0 :TimelineStep;
  nanoseconds @1 :UInt64;
}

struct DiskStats {
  reads @0 :UInt64;
  writes @1 :UInt64;
  flushes @2 :UInt64;
  discards @3 :UInt64;
  writeZeroes @4 :UInt64;
  readBytes @5 :UInt64;
  writtenBytes @6 :UInt64;
  errors @7 :UInt64;
  throttled @8 :UInt64;
  capacity @9 :UInt64;
  overlayBytes @10 :UInt64;
}

struct NetDrops {
  reason @0 :Text;
  frames @1 :UInt64;
}

struct NetDirectionStats {
  packets @0 :UInt64;
  bytes @1 :UInt64;
  throttled @2 :UInt64;
  drops @3 :List(NetDrops);
}

struct NetStats {
  mac @0 :Data;
  transmit @1 :NetDirectionStats;
  receive @2 :NetDirectionStats;
}

enum EventKind {
  device @0;
  overlayFull @1;
  paused @2;
  resumed @3;
  launched @4;
  exited @5;
  detached @6;
  attached @7;
  lost @8;
  link @9;
}

struct Event {
  sequence @0 :UInt64;
  nanoseconds @1 :UInt64;
  kind @2 :EventKind;
  text @3 :Text;
  machine @4 :UInt64;
  name @5 :Text;
  exit @6 :ExitStatus;
}

interface EventListener {
  event @0 (event :Event) -> stream;
}

enum MachineState {
  created @0;
  running @1;
  paused @2;
  ended @3;
}

struct MachineStats {
  state @0 :MachineState;
  cpuNanoseconds @1 :UInt64;
  residentBytes @2 :UInt64;
  disks @3 :List(DiskStats);
  nets @4 :List(NetStats);
  consoleBytes @5 :UInt64;
  events @6 :UInt64;
}

enum Permission {
  wait @0;
  console @1;
  stats @2;
  control @3;
}

interface Machine {
  start @0 () -> ();
  kill @1 () -> ();
  wait @2 () -> (status :ExitStatus);
  console @3 (output :ByteStream) -> (input :ByteStream);
  timeline @4 () -> (entries :List(TimelineEntry));
  updateDisk @5 (disk :UInt32, limits :RateLimits) -> ();
  updateNet @6 (net :UInt32, transmit :RateLimits, receive :RateLimits) -> ();
  resizeDisk @7 (disk :UInt32) -> (bytes :UInt64);
  stats @8 () -> (stats :MachineStats);
  events @9 (listener :EventListener) -> ();
  narrow @10 (permissions :List(Permission)) -> (machine :Machine);
  detach @11 (name :Text) -> ();
  attach @12 () -> ();
  pause @13 () -> ();
  resume @14 () -> ();
  powerButton @15 () -> ();
}

interface Vmm {
  create @0 (kvm :File, spec :MachineSpec, start :Bool, output :ByteStream, listener :EventListener)
      -> (machine :Machine, input :ByteStream);
  machine @1 () -> (machine :Machine, record :Data, files :List(File));
  listen @2 (socket :File, record :Data, files :List(File)) -> ();
}

struct MachineInfo {
  id @0 :UInt64;
  name @1 :Text;
  labels @2 :List(Label);
  state @3 :MachineState;
  cpus @4 :UInt16;
  memoryBytes @5 :UInt64;
  launchedAt @6 :UInt64;
  detached @7 :Bool;
  exit @8 :ExitStatus;
  owner @9 :UInt32;
  pid @10 :UInt32;
  residentBytes @11 :UInt64;
  cpuNanoseconds @12 :UInt64;
}

struct HostCapacity {
  machines @0 :UInt32;
  machinesMost @1 :UInt32;
  memoryBytes @2 :UInt64;
  memoryBytesMost @3 :UInt64;
  hostMemoryBytes @4 :UInt64;
  cpus @5 :UInt64;
  cpusMost @6 :UInt64;
  hostCpus @7 :UInt32;
  openFiles @8 :UInt64;
  openFilesMost @9 :UInt64;
  connections @10 :UInt32;
  connectionsMost @11 :UInt32;
}

struct ExitCount {
  reason @0 :ExitReason;
  count @1 :UInt64;
}

struct LatencyBucket {
  upToMicroseconds @0 :UInt64;
  count @1 :UInt64;
}

struct StepLatency {
  step @0 :TimelineStep;
  count @1 :UInt64;
  sumMicroseconds @2 :UInt64;
  buckets @3 :List(LatencyBucket);
}

struct HostStats {
  version @0 :Text;
  uptimeNanoseconds @1 :UInt64;
  launches @2 :UInt64;
  failures @3 :UInt64;
  exits @4 :List(ExitCount);
  created @5 :UInt32;
  running @6 :UInt32;
  paused @7 :UInt32;
  ended @8 :UInt32;
  connections @9 :UInt32;
  latencies @10 :List(StepLatency);
}

interface Host {
  launch @0 (spec :MachineSpec, name :Text, start :Bool, output :ByteStream, listener :EventListener, detached :Bool)
      -> (machine :Machine, input :ByteStream, jailLacks :List(Text));
  get @1 (name :Text) -> (machine :Machine);
  list @2 (labels :List(Label)) -> (machines :List(MachineInfo));
  events @3 (listener :EventListener, since :UInt64) -> ();
  capacity @4 () -> (capacity :HostCapacity);
  stats @5 () -> (stats :HostStats);
  drain @6 () -> ();
  inspect @7 (name :Text) -> (info :MachineInfo, spec :MachineSpec);
}
