"""Stand-in for @rules_cc, which Bazel 4 would download: its C++ rules are native anyway."""

cc_binary = native.cc_binary
cc_library = native.cc_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
