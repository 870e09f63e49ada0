"""How programs are linked, by configuration (.bazelrc)."""

# For programs that people carry from host to host: one file, without a loader or libraries. Relocations are in DT_RELR's
# bitmap: 250 KB less to store, and to read at every start. (A loader takes that only from newer linkers than Debian's.)
STATIC_PIE = [
    "-static-pie",
    "-Wl,--pack-dyn-relocs=relr",
]

STATIC_IN_RELEASE = select({
    "//ci/bazel:release": STATIC_PIE,
    "//conditions:default": [],
})
