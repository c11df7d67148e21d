#!/usr/bin/env bash
# Installs what deskq needs from the system: `qt`, `servers`, or `install PACKAGE...`.
# Only as root and only with apt-get; otherwise it says what to install. Services of new packages are neither started
# nor enabled, and services that run are left alone.
set -euo pipefail
mkdir -p build

# Libraries of Qt's platform plugins (xcb, wayland, offscreen), and a font, without which pictures have no text.
qt_packages="libegl1 libgl1 libglib2.0-0 libdbus-1-3 libfontconfig1 libfreetype6 libxkbcommon0 libxkbcommon-x11-0
  libx11-xcb1 libxcb-cursor0 libxcb-glx0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0
  libxcb-shape0 libxcb-shm0 libxcb-sync1 libxcb-xfixes0 libxcb-xkb1 libwayland-client0 libwayland-cursor0 libwayland-egl1
  fonts-dejavu-core"

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
# By name or by what another package provides (newer Debians add t64 to some names).
installed() {
  dpkg-query -W -f '${db:Status-Abbrev} ${Package}, ${Provides},\n' 2>/dev/null |
    grep "^i[^ ]* \(.* \)\?$1\( (= [^)]*)\)\?," >/dev/null
}

policy=/usr/sbin/policy-rc.d
kept=$policy.kept-by-deskq

allow_services() {
  rm -f "$policy"
  if [ -e "$kept" ]; then mv "$kept" "$policy"; fi
}

deny_services() {
  trap allow_services EXIT
  trap 'exit 1' INT TERM HUP
  # One that is still there from an interrupted run is the machine's own.
  if [ -e "$policy" ] && [ ! -e "$kept" ]; then mv "$policy" "$kept"; fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

install() {
  local missing=()
  for package in "$@"; do
    installed "$package" || missing+=("$package")
  done
  if [ ${#missing[@]} = 0 ]; then return 0; fi
  echo "Installing ${missing[*]}"
  deny_services
  if ! { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}"; } >build/apt.log 2>&1 </dev/null; then
    tail -n 20 build/apt.log >&2
    echo "apt-get could not install ${missing[*]}: the whole log is in build/apt.log." >&2
    return 1
  fi
  if command -v systemctl >/dev/null; then
    for package in "${missing[@]}"; do
      case $package in
        redis-server) systemctl disable redis-server.service ;;
        rabbitmq-server) systemctl disable rabbitmq-server.service epmd.socket epmd.service ;;
        postgresql) systemctl disable postgresql.service ;;
        mariadb-server) systemctl disable mariadb.service ;;
      esac >/dev/null 2>&1 || true
    done
  fi
}

case ${1:-} in
  install)
    shift
    install "$@"
    ;;
  qt)
    if can_install; then
      # shellcheck disable=SC2086
      install $qt_packages
    fi
    ;;
  servers)
    missing=()
    command -v redis-server >/dev/null || missing+=(redis-server)
    command -v rabbitmq-server >/dev/null || [ -x /usr/sbin/rabbitmq-server ] || missing+=(rabbitmq-server)
    # Debian keeps PostgreSQL's server off the PATH, a folder for each version.
    command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
    command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ] || missing+=(mariadb-server)
    # A network of its own, in which packets can be dropped.
    command -v ip >/dev/null || [ "$(uname)" != Linux ] || missing+=(iproute2)
    # Shells, whose completion is tried.
    command -v zsh >/dev/null || missing+=(zsh)
    command -v fish >/dev/null || missing+=(fish)
    if [ ${#missing[@]} = 0 ]; then exit 0; fi
    if ! { can_install && install "${missing[@]}"; }; then
      echo "Tests are skipped for want of ${missing[*]}: install these packages to run them."
    fi
    ;;
  *)
    echo "usage: $0 qt | servers | install PACKAGE..." >&2
    exit 2
    ;;
esac
