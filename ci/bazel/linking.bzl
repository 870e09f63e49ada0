"""How programs are linked, by configuration (.bazelrc)."""

# For programs that people carry from host to host: one file, without a loader or libraries, in a release.
STATIC_IN_RELEASE = select({
    "//ci/bazel:release": ["-static-pie"],
    "//conditions:default": [],
})
