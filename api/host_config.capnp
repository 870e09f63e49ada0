@0xb8a3d07c4e5f1296;
# The configuration of mayflyd, as `--config FILE` has it: JSON, or Cap'n Proto text. What is not said is as here;
# `mayflyd --print-config` shows the whole. See docs/mayflyd.md.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("mayfly::rpc");

struct Share {
  # Of VMs that are there at the same time. 0: no limit.
  machines @0 :UInt32;
  memoryBytes @1 :UInt64;  # of the guests, touched or not
  cpus @2 :UInt32;         # of the guests
}

enum LogLevel {
  # What is told to who runs the service, each with all above it.
  error @0;
  warning @1;
  notice @2;  # that it started, and ends
  info @3;    # launches of VMs, and their ends
  debug @4;   # launches that failed, and what VMs tell of themselves
}

struct HostConfig {
  socket @0 :Text;               # where clients connect. Empty: /run/mayfly/mayflyd.sock for root,
                                 # $XDG_RUNTIME_DIR/mayfly/mayflyd.sock for others
  socketMode @1 :Text = "0600";  # who may connect, in octal
  socketGroup @2 :Text;          # the group that the socket belongs to: a name, or a number. Empty: the service's own
  cgroupParent @3 :Text;         # where VMs' cgroups are made, such as "/fleet", which then holds all VMs.
                                 # Empty: mayfly, for VMs with limits of their own
  total @4 :Share;               # of machines, no more than open files and pids are enough for, in any case
  eachUser @5 :Share;            # together, the VMs of one user; root is not held to it, nor is who runs the service
  eachConnection @6 :Share;
  connections @7 :UInt32 = 4096;
  connectionsEachUser @8 :UInt32 = 1024;  # root is not held to it, nor is who runs the service
  callKilobytesEachConnection @9 :UInt32 = 8192;  # that one connection's calls in progress may take; beyond, it is not read
  eventsKept @10 :UInt32 = 4096;
  metrics @11 :Text;             # where Prometheus finds /metrics by HTTP, such as 127.0.0.1:9470. Empty: nowhere
  logLevel @12 :LogLevel = info;
}
