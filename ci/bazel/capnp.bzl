"""Cap'n Proto schemas as C++ libraries, compiled by Debian's capnp."""

def cc_capnp_library(name, srcs, deps = [], imports = [], **kwargs):
    """Compiles `srcs` (.capnp) to a cc_library whose headers are `<src>.h`.

    Args:
      name: the library's name.
      srcs: schemas; imports are resolved from the repository's root and Debian's /usr/include.
      deps: cc_capnp_library targets that the schemas import.
      imports: the schemas of these.
      **kwargs: passed to cc_library.
    """
    headers = [src + ".h" for src in srcs]
    sources = [src + ".c++" for src in srcs]
    native.genrule(
        name = name + "_gen",
        srcs = srcs + imports,
        outs = headers + sources,
        cmd = "$(location @system//:bin/capnp) compile -I/usr/include -I. " +
              "-o$(location @system//:bin/capnpc-c++):$(GENDIR) " +
              " ".join(["$(location %s)" % src for src in srcs]),
        tools = [
            "@system//:bin/capnp",
            "@system//:bin/capnpc-c++",
        ],
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        deps = deps + ["@system//:capnp_rpc"],
        **kwargs
    )
