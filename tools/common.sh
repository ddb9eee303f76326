# Sourced by the tools beside it: messages, and what they ask of apt.
# shellcheck shell=bash

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }

# Exit status 4: this machine lacks something that a person has to provide.
fail() {
  say "$*" >&2
  exit 4
}

is_root_with_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_install() { # packages; silent unless it fails
  local log
  log=$(mktemp)
  if ! DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 --no-install-recommends \
    install "$@" </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install $*."
  fi
  rm -f "$log"
}

apt_update() { apt-get -qq update >/dev/null || fail "apt-get update failed."; }

# The Debian mirror that this machine's own apt sources name, whatever their format; empty where they name none.
# shellcheck disable=SC2016
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 'Component: main' | sed -n 1p
}
