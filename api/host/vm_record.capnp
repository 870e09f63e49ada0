@0xa1c5e94f3b7d2068;
# What a host service keeps of a detached VM, in a file of its own, to find it again after its restart. Fields are only
# ever appended: a newer service finds the VMs of an older one.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("mayfly::rpc");
using Mayfly = import "../mayfly.capnp";

struct VmRecord {
  id @0 :UInt64;
  name @1 :Text;
  labels @2 :List(Mayfly.Label);
  owner @3 :UInt32;
  cpus @4 :UInt16;
  memoryBytes @5 :UInt64;
  launchedAt @6 :UInt64;  # nanoseconds of CLOCK_REALTIME
  pid @7 :UInt32;         # of its VMM process
  startedAt @8 :UInt64;   # when that started, in clock ticks since boot: no other process has both
  spec @9 :Mayfly.MachineSpec;
}
