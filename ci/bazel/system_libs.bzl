"""Debian's -dev packages as one Bazel repository: static archives and headers are tracked inputs."""

_LIBRARY = """
cc_library(
    name = "{name}",
    srcs = {archives},
    hdrs = glob({headers}),
    defines = {defines},
    includes = ["{name}/include"],
    linkopts = {linkopts},
    deps = {deps},
)
"""

# Part of libc, or without an archive of their own: named to the linker, never copied.
_LIBC_PARTS = ["-latomic", "-ldl", "-lm", "-lpthread", "-lrt"]

def _pkg_config(ctx, flags, modules):
    """The words pkg-config prints, each once, at its last place (which is what link order wants)."""
    result = ctx.execute(["pkg-config"] + flags + modules)
    if result.return_code:
        fail("pkg-config %s: %s (run ci/deps)" % (" ".join(modules), result.stderr))
    words = []
    for word in reversed(result.stdout.replace("\n", " ").split(" ")):
        if word and word not in words:
            words.append(word)
    return reversed(words)

def _link(ctx, name, modules, owners):
    """Symlinks the archives of `modules` and returns them, with the options for what has no archive and other owners."""
    archives = []
    linkopts = []
    deps = []
    for word in _pkg_config(ctx, ["--static", "--libs"], modules):
        archive = "lib" + word[2:] + ".a"
        path = ctx.path(ctx.attr.lib_dir + "/" + archive)
        if word in _LIBC_PARTS or (word.startswith("-l") and not path.exists):
            linkopts.append(word)
        elif word.startswith("-l"):
            owner = owners.get(archive)
            if owner:
                # A second copy would stand in front of what needs it (the linker reads from left to right).
                if ":" + owner not in deps:
                    deps.append(":" + owner)
                continue
            ctx.symlink(path, "lib/" + archive)
            owners[archive] = name
            archives.append("lib/" + archive)
    return archives, linkopts, deps

def _headers(ctx, name):
    globs = []
    for header in ctx.attr.headers.get(name, []):
        ctx.symlink("/usr/include/" + header, "%s/include/%s" % (name, header))
        globs.append("%s/include/%s" % (name, header) + ("" if header.endswith(".h") else "/**"))
    return globs

def _impl(ctx):
    build = ['package(default_visibility = ["//visibility:public"])']
    owners = {}
    for name, modules in ctx.attr.libs.items():
        archives, linkopts, deps = _link(ctx, name, modules, owners)
        flags = _pkg_config(ctx, ["--cflags-only-other"], modules)
        build.append(_LIBRARY.format(
            name = name,
            archives = archives,
            defines = [flag[2:] for flag in flags if flag.startswith("-D")],
            headers = _headers(ctx, name),
            linkopts = linkopts,
            deps = deps,
        ))
    for tool in ctx.attr.tools:
        path = ctx.which(tool)
        if not path:
            fail("%s is not installed (run ci/deps)" % tool)
        ctx.symlink(path, "bin/" + tool)
    build.append("exports_files(%s)" % ["bin/" + tool for tool in ctx.attr.tools])
    ctx.file("BUILD.bazel", "\n".join(build))

system_libs = repository_rule(
    implementation = _impl,
    attrs = {
        "headers": attr.string_list_dict(),
        "lib_dir": attr.string(default = "/usr/lib/x86_64-linux-gnu"),
        "libs": attr.string_list_dict(mandatory = True),
        "tools": attr.string_list(),
    },
    configure = True,
    local = True,
)
