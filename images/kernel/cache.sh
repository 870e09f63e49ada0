# Sourced by the scripts of images/ and tests/testbed/: the cache folder, and how a thing gets into it.
#
# Everything kept lies at $cache/KIND/KEY, KEY being a hash of all it is made from: nothing is ever changed in place, so what
# is there is right, and two checkouts or two runs at once share it. Nothing needs to be there beforehand.

set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin # modprobe, debugfs, ...: Debian gives them to root only
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mayfly

die() { echo "${0##*/}: $*" >&2; exit 1; }

# need COMMAND...: ends here where one is not installed.
need() {
  local command
  for command in "$@"; do
    type -P "$command" >/dev/null || die "needs the command '$command': run ci/deps, which installs it"
  done
}

# key: a short hash of standard input.
key() { sha256sum | cut -c1-16; }

# cached KIND KEY COMMAND...: prints $cache/KIND/KEY. Where that is not there yet, COMMAND makes it first: it gets the path of
# an empty folder as its last argument, which becomes $cache/KIND/KEY once COMMAND is done; what it prints goes to stderr.
# One process makes it while others wait, and one that fails or is killed leaves nothing that could be taken for whole.
# Call it as `path=$(cached ...)` and no other way: within `if`, `||` or `&&`, bash would go on after COMMAND's first failure.
cached() {
  local kind=$1 result=$cache/$1/$2
  shift 2
  if [[ ! -e $result ]]; then
    need flock
    mkdir -p "$cache/$kind"
    ( # A lock for each thing: the minutes of a kernel build stop nobody who wants something else.
      flock 9
      [[ ! -e $result ]] || exit 0
      trap 'rm -rf "$result.new"' EXIT
      rm -rf "$result.new"
      mkdir "$result.new"
      "$@" "$result.new" >&2 9>&-
      mv -T "$result.new" "$result"
    ) 9>"$result.lock"
    rm -f "$result.lock"
  fi
  echo "$result"
}

# package_version PACKAGE: the version apt would install.
package_version() {
  local version
  version=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p')
  [[ $version && $version != '(none)' ]] || die "apt knows no package '$1': run 'apt-get update' (ci/deps does)"
  echo "$version"
}

# unpack PACKAGE FOLDER: the files of a Debian package, without installing it.
unpack() {
  mkdir -p "$2" "$2.deb"
  (cd "$2.deb" && apt-get -q -o APT::Sandbox::User=root download "$1") ||
    die "could not download the package '$1': is the network up, and 'apt-get update' recent?"
  dpkg-deb -x "$2.deb"/*.deb "$2"
  rm -rf "$2.deb"
}
