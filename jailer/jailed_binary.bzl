"""Programs that run in the jail, whose root is empty: no loader is there, and no library."""

load("//ci/bazel:linking.bzl", "STATIC_PIE")

def jailed_binary(name, **kwargs):
    """A cc_binary that needs no file but its own.

    Args:
      name: of the target.
      **kwargs: of cc_binary.
    """
    native.cc_binary(
        name = name,
        linkopts = select({
            "//ci/bazel:release": STATIC_PIE,
            # A sanitizer's runtime wants its libraries, and is not jailed.
            "//jailer:linked_by_config": [],
            "//conditions:default": ["-static"],
        }),
        **kwargs
    )
