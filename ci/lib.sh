# shellcheck shell=bash
# What the commands in this folder share. Sourced after `set -euo pipefail`; leaves the shell in the repository's root.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C
mayfly_cache=${XDG_CACHE_HOME:-$HOME/.cache}/mayfly
mkdir -p "$mayfly_cache"

# Bazel with its outputs also in the cache, keyed by content: a fresh clone builds only what is new.
# shellcheck disable=SC2034  # used by those who source this
bazel_cached() { # bazel_cached COMMAND [ARGUMENT...]
  local command=$1
  shift
  bazel "$command" --disk_cache="$mayfly_cache/bazel" --noshow_progress --color=no "$@"
}

# The release binaries, static and stripped; prints the folder that holds them.
release_binaries() { # release_binaries [TARGET...]
  [[ $# -gt 0 ]] || set -- //:mayfly //:mayfly-vmm
  bazel_cached build --config=release -- "$@" >&2 || return # errexit does not reach into $(...)
  bazel info --config=release bazel-bin 2>/dev/null
}
