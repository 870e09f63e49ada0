"""mayfly_unikernel: a guest program on the runtime of //images/unikernel, as an ELF file that boots."""

# What tells code for the guest from code for the host. The rule replaces the flags of the command line by these, so that a
# build with sanitizers, coverage or position-independent code leaves guests alone.
_COPTS = [
    "-Os",
    "-fno-pic",
    "-mno-red-zone",
    "-fno-stack-protector",
    "-fcf-protection=none",
    "-fomit-frame-pointer",
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
    "-U_FORTIFY_SOURCE",
]

_CXXOPTS = [
    "-std=c++20",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
]

_LINKOPTS = [
    "-nostdlib",
    "-static",
    "-fuse-ld=bfd",
    "-Wl,--build-id=none",
    "-Wl,--gc-sections",
    "-Wl,--strip-debug",
    "-Wl,--discard-all",
    "-Wl,-z,max-page-size=4096",
    "-Wl,-z,noexecstack",
]

_FLAG = "//command_line_option:"

_GUEST_SETTINGS = {
    _FLAG + "collect_code_coverage": False,
    _FLAG + "compilation_mode": "opt",
    _FLAG + "conlyopt": [],
    _FLAG + "copt": _COPTS,
    _FLAG + "cxxopt": _CXXOPTS,
    _FLAG + "features": [],
    _FLAG + "force_pic": False,
    _FLAG + "linkopt": _LINKOPTS,
    _FLAG + "start_end_lib": False,  # GNU ld does not know it
    _FLAG + "strip": "never",
}

def _guest_transition_impl(_settings, _attr):
    return _GUEST_SETTINGS

_guest_transition = transition(
    implementation = _guest_transition_impl,
    inputs = [],
    outputs = _GUEST_SETTINGS.keys(),
)

def _guest_binary_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = output, target_file = ctx.files.binary[0])
    return [DefaultInfo(
        files = depset([output]),
        runfiles = ctx.runfiles([output]),
    )]

_guest_binary = rule(
    implementation = _guest_binary_impl,
    attrs = {
        "binary": attr.label(cfg = _guest_transition, mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)

def _guest_elf(name, linker_script, srcs, deps, **kwargs):
    common = {key: kwargs[key] for key in ("tags", "testonly") if key in kwargs}
    native.cc_binary(
        name = name + ".elf",
        srcs = srcs,
        additional_linker_inputs = [linker_script],
        features = ["-default_link_flags"],  # those of the host: its linker, RELRO
        linkopts = ["-Wl,-T,$(location %s)" % linker_script],
        deps = deps,
        tags = ["manual"] + [tag for tag in common.get("tags", []) if tag != "manual"],
        testonly = common.get("testonly", False),
        visibility = ["//visibility:private"],
    )
    _guest_binary(
        name = name,
        binary = ":" + name + ".elf",
        **kwargs
    )

def mayfly_unikernel(name, srcs, deps = [], **kwargs):
    """Builds a kernel for `mayfly run --kernel` from a program with an `int main()`.

    Args:
      name: the target, and the ELF file it makes.
      srcs: C++ and assembly files. See docs/unikernels.md for what they can use.
      deps: further cc_library targets; they are compiled for the guest as well.
      **kwargs: visibility, tags, testonly.
    """
    _guest_elf(
        name = name,
        srcs = srcs,
        deps = deps + [Label("//images/unikernel")],
        linker_script = Label("//images/unikernel:unikernel.ld"),
        **kwargs
    )

def mayfly_bare_unikernel(name, srcs, linker_script, deps = [], **kwargs):
    """Builds a kernel without the runtime: entry point, boot note and memory layout are the program's business.

    Args:
      name: the target, and the ELF file it makes.
      srcs: C++ and assembly files.
      linker_script: a label.
      deps: cc_library targets; they are compiled for the guest.
      **kwargs: visibility, tags, testonly.
    """
    _guest_elf(
        name = name,
        srcs = srcs,
        deps = deps,
        linker_script = linker_script,
        **kwargs
    )
