@0xc0f5a1d2e3b47968;
# What `mayfly ... -o json` prints, but for what is of the schema of the API itself.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("mayfly::cli::report");

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
