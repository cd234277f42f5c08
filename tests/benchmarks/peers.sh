#!/bin/sh
# peers.sh           installs the container tools that the benchmark compares with, as this Debian has them
# peers.sh current   makes a chroot with today's versions from Debian sid, once, in the tests' cache, and prints its path
#
# Neither leaves a service running, and the chroot changes nothing on the machine: run.py runs its programs inside it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
packages="bubblewrap crun podman runc"

case "${1:-}" in
'')
  # podman's hard dependencies are enough: no network is used, so neither netavark nor slirp4netns.
  # shellcheck disable=SC2086  # a list of words
  exec sh "$here/../support/apt_install.sh" $packages
  ;;
current)
  sh "$here/../support/apt_install.sh" mmdebstrap
  cache=${CONTAIN_TEST_CACHE:-$HOME/.cache/contain-tests}
  root=$cache/peers-sid
  if [ ! -x "$root/usr/bin/umount" ]; then
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/.peers-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # The machine's own mirror, another suite.
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
      sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' | head -n 1)
    list=$(echo $packages | tr ' ' ,)
    apt-config dump Acquire | grep '^Acquire::' >"$work/apt.conf"  # proxies and the like
    mmdebstrap --mode=root --variant=essential --quiet --include="$list,mount" \
      --aptopt="$work/apt.conf" sid "$work/root" "deb $mirror sid main" >&2
    chmod 0755 "$work/root"
    rm -rf "$root"
    mv "$work/root" "$root"
  fi
  echo "$root"
  ;;
*)
  sed -n '2,4p' "$0" >&2
  exit 2
  ;;
esac
