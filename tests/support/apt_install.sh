#!/bin/sh
# apt_install.sh PACKAGE… : installs Debian packages, and lets none of them start its service meanwhile. Does nothing, and
# needs no network, when all are there.
set -eu

missing=
for package in "$@"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  # Without it docker-registry's package starts a daemon on every address.
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
  trap 'rm -f "$policy"' EXIT INT TERM
fi

export DEBIAN_FRONTEND=noninteractive
# Another apt may be at work: wait for its lock rather than fail.
apt="apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3"
# shellcheck disable=SC2086  # both are lists of words
$apt install --no-install-recommends $missing || { $apt update && $apt install --no-install-recommends $missing; }
