"""A libFuzzer target and the test that replays its corpus."""

def fuzz_target(name, srcs, deps):
    """Defines the fuzzer `name` and the test `name`_test.

    The fuzzer is built by `bazel build --config=fuzz` only; `ci/fuzz //PACKAGE:NAME SECONDS` runs it. The test runs
    every input of the folder `name`_corpus, with any compiler.

    Args:
      name: ends in _fuzz.
      srcs: define LLVMFuzzerTestOneInput (base/testing/fuzz_target.h).
      deps: what they need beyond fuzz_target.h and byte_source.h.
    """
    native.cc_binary(
        name = name,
        testonly = True,
        srcs = srcs,
        copts = ["-fsanitize=fuzzer-no-link"],
        linkopts = ["-fsanitize=fuzzer"],
        tags = [
            "fuzz",
            "manual",
        ],
        deps = deps + ["//base/testing:fuzz_target"],
    )
    corpus = name + "_corpus"
    native.cc_test(
        name = name + "_test",
        size = "small",
        srcs = srcs,
        data = native.glob([corpus + "/*"]),
        env = {"MAYFLY_CORPUS": native.package_name() + "/" + corpus},
        deps = deps + [
            "//base/testing:fuzz_target",
            "//base/testing:replay",
            "@system//:gtest",
        ],
    )
