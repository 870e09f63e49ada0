@0xb8f24c6d90e1a735;
# Between a host service and the process that it starts to open what a client names, with that client's rights.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("mayfly::rpc");
using Mayfly = import "../mayfly.capnp";

struct User {
  id @0 :UInt32;
  group @1 :UInt32;
  groups @2 :List(UInt32);  # the others
}

struct Wanted {
  field @0 :Text;           # where the specification has it, for errors
  union {
    kernel @1 :Text;        # this one and the next four are absolute paths
    initrd @2 :Text;
    diskToRead @3 :Text;
    diskToWrite @4 :Text;
    overlay @5 :Text;       # made where it is missing
    tap :group {
      name @6 :Text;
      queuePairs @7 :UInt16;
    }
    user :group {           # a passt, which outlives the opener
      net @8 :Mayfly.UserNet;
      mtu @9 :UInt16;
      words @10 :Mayfly.File;  # what it says is written there
    }
  }
}

struct Found {
  files @0 :List(Mayfly.File);  # one; of a tap, one for each queue pair
}

interface Opener {
  open @0 (user :User, wanted :List(Wanted), environment :List(Text)) -> (found :List(Found));
  # Becomes `user` where one is given, for good, and opens all. `environment`: "NAME=value", for what is started. Once.
}
