# Sourced by the commands of this folder that people and CI run: where a job runs, and what it gets along.
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
repository=$(readlink -f "$here/../..")
. "$repository/images/kernel/cache.sh"

# A KVM with VMX or SVM runs Linux. One without emulates privileged code, and a stock kernel dies early in it.
host_runs_linux() { grep -qwE 'vmx|svm' /proc/cpuinfo && [[ -r /dev/kvm && -w /dev/kvm ]]; }

# binaries TARGET...: builds them as users run them, and prints the folder they are in. What Bazel says is of interest only when
# it fails; and it goes to a file, as a server that Bazel starts would keep a pipe open for hours.
binaries() {
  need bazel
  local said status=0
  said=$(mktemp)
  (. "$repository/ci/lib.sh" && release_binaries "$@") 2> "$said" || status=$?
  [[ $status = 0 ]] || cat "$said" >&2
  rm -f "$said"
  return "$status"
}

# run_job JOB NAME=FILE...: the job with these files beside it, in the testbed, or with DIRECT=1 right here; what it leaves in
# its output folder is then in $OUT. The status is the job's.
run_job() {
  [[ ${DIRECT:-} ]] || { "$here/run" "$@"; return; }
  local job=$1 folder file own_network=
  shift
  folder=$(mktemp -d)
  [[ $(id -u) != 0 ]] || own_network=1 # its bridges and routes are not this host's
  for file in "$@"; do ln -s "$(realpath -s "${file#*=}")" "$folder/${file%%=*}"; done
  # What APPEND has of the form NAME=VALUE reaches the job's environment here as well.
  # shellcheck disable=SC2086
  (cd "$folder" && env ${APPEND:-} OUT="$OUT" ${own_network:+unshare --net} "$job" < /dev/null)
  local status=$?
  rm -rf "$folder"
  return "$status"
}
