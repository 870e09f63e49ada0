@0xc0f5a1d2e3b47968;
# What `mayfly ... -o json` prints, but for what is of the schema of the API itself.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("mayfly::cli::report");
using Mayfly = import "../../mayfly.capnp";

struct Version {
  version @0 :Text;
  date @1 :Text;
}

struct Doctor {
  guestsCanRun @0 :Bool;
  findings @1 :List(Finding);
}

struct Finding {
  enum Weight {
    good @0;
    note @1;   # works, but slower or with less than it could
    fault @2;  # guests cannot run
  }
  weight @0 :Weight;
  what @1 :Text;
  remedy @2 :Text;  # missing where there is nothing to do
}

struct Overlay {
  diskBytes @0 :UInt64;
  dataBytes @1 :UInt64;
  zeroBytes @2 :UInt64;
  takenBytes @3 :UInt64;         # as a cap counts it
  baseModifiedNanoseconds @4 :Int64;  # since 1970; 0: the base is a device
  clean @5 :Bool;                # its last VM was not killed
}

struct Launched {
  # By `run --detach`.
  name @0 :Text;
  id @1 :UInt64;  # MachineInfo.id
}

struct Done {
  # `pause`, `resume`, `kill` or `rm`, to one of the VMs.
  name @0 :Text;  # as it was given
}

struct Stopped {
  # By `stop`, one of the VMs.
  name @0 :Text;               # as it was given
  exit @1 :Mayfly.ExitStatus;  # `killed` where it had not ended in time
}

struct Resized {
  # By `update --resize`.
  disk @0 :UInt32;
  bytes @1 :UInt64;
}

struct Look {
  # One of those that `top` takes.
  struct Row {
    cpuShare @0 :Float64;  # of one CPU, since the look before
    info @1 :Mayfly.MachineInfo;
  }
  capacity @0 :Mayfly.HostCapacity;
  machines @1 :List(Row);  # those that live, the busiest first
}
