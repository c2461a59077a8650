// The script that runs on the endpoint, and the unit that it installs there.
#include "appliance/installer/installer.h"

namespace chancery::installer {

std::string install_script() {
  return R"SH(#!/bin/sh
# Installs the Chancery collector from the folder in which this file lies.
#
#   sh install.sh                  as root: a user of its own, /usr/local/bin, /var/lib/chancery-collector, systemd
#                                  as anybody else: everything below ~/chancery-collector
#   sh install.sh --prefix DIR     everything below DIR, as whoever runs this
#   --user NAME                    the user that runs it (as root; default chancery-collector)
#   --no-start                     do not start it
#   --uninstall                    takes program and unit away; its state (key, settings) stays
#
# Run again it brings another program, key, root and settings, and keeps the collector's own key.
set -eu
umask 077

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: failed to install: %s\n' "$1" >&2; printf 'hint: %s\n' "$2" >&2; exit 1; }
usage() { printf 'install.sh: %s\nhint: sh install.sh [--prefix DIR] [--user NAME] [--no-start] [--uninstall]\n' "$1" >&2; exit 2; }

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=''
user=''
start=yes
uninstall=no
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) [ $# -ge 2 ] || usage '--prefix needs a folder'; prefix=$2; shift ;;
    --user) [ $# -ge 2 ] || usage '--user needs a name'; user=$2; shift ;;
    --no-start) start=no ;;
    --uninstall) uninstall=yes ;;
    *) usage "unknown option '$1'" ;;
  esac
  shift
done

root=no
[ "$(id -u)" -eq 0 ] && root=yes
[ -z "$user" ] || [ $root = yes ] || fail "--user $user needs root" 'run it with sudo, or leave --user out'
system=no
if [ -z "$prefix" ]; then
  if [ $root = yes ]; then system=yes; else prefix=$HOME/chancery-collector; fi
fi
if [ $system = yes ]; then
  bin=/usr/local/bin
  state=/var/lib/chancery-collector
  unit=/etc/systemd/system/chancery-collector.service
  [ -n "$user" ] || user=chancery-collector
else
  case $prefix in /*) ;; *) prefix=$(pwd)/$prefix ;; esac
  # A name with a character that TOML, sed or systemd reads otherwise is refused instead of half understood.
  case $prefix in *[!A-Za-z0-9/._+@-]*) fail "$prefix is no plain folder name" 'use letters, digits and / . _ + @ -' ;; esac
  bin=$prefix/bin
  state=$prefix/state
  unit=$prefix/chancery-collector.service
fi

has_systemd() { [ $system = yes ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; }

if [ $uninstall = yes ]; then
  if has_systemd; then systemctl disable --now chancery-collector.service >/dev/null 2>&1 || true; fi
  rm -f -- "$bin/chancery-collector" "$unit"
  if has_systemd; then systemctl daemon-reload; fi
  say "done: the collector is removed; $state stays, with its key"
  exit 0
fi

command -v sha256sum >/dev/null 2>&1 || fail 'sha256sum is missing' 'install coreutils'
(cd "$here" && sha256sum -c --quiet SHA256SUMS >/dev/null 2>&1) ||
  fail 'this folder is not as it was packed' 'unpack the zip anew; copy it in binary mode'

# The program is tried before anything is touched.
probe=$here/bin/chancery-collector
if [ ! -x "$probe" ]; then chmod u+x "$probe" 2>/dev/null || true; fi
if ! version=$("$probe" --version 2>&1); then
  fail "the program does not run here: $version" \
    'it is built for the system of the appliance; on Debian 12: apt-get install libspdlog1.10 libfmt9 libssl3 libidn2-0'
fi

if [ $system = yes ]; then
  if ! id "$user" >/dev/null 2>&1; then
    useradd --system --user-group --no-create-home --home-dir "$state" --shell /usr/sbin/nologin "$user" ||
      fail "the user $user cannot be made" 'make it by hand, then run this again with --user'
  fi
fi

# Whole or not at all: a new file beside the old one, then one rename.
put() { # FROM TO MODE
  rm -f -- "$2.new"
  install -m "$3" -- "$1" "$2.new"
  mv -f -- "$2.new" "$2"
}
fill() { # FROM TO MODE
  rm -f -- "$2.new"
  sed -e "s|@STATE@|$state|g" -e "s|@BIN@|$bin|g" -e "s|@USER@|$user|g" "$1" >"$2.new"
  chmod "$3" "$2.new"
  mv -f -- "$2.new" "$2"
}

if [ $system = yes ]; then mkdir -p "$bin"; else mkdir -p -m 0755 "$prefix" "$bin"; fi
mkdir -p "$state" "$state/settings"
chmod 0700 "$state" "$state/settings"

put "$here/bin/chancery-collector" "$bin/chancery-collector" 0755
put "$here/customer.key" "$state/customer.key" 0600
if [ -f "$here/root.pem" ]; then put "$here/root.pem" "$state/root.pem" 0644; fi
if [ -f "$state/settings/collector.toml" ]; then
  cp -p "$state/settings/collector.toml" "$state/settings/collector.toml.former"
fi
fill "$here/settings/collector.toml" "$state/settings/collector.toml" 0644
put "$here/repair-key.json" "$state/repair-key.json" 0444
# At its next start it keeps what it was shipped with now: what `chancery-collector reset` goes back to.
rm -f -- "$state/shipped.json"

if [ $system = yes ]; then
  fill "$here/chancery-collector.service" "$unit" 0644
  chown -R "$user:$user" "$state"
else
  # A user's own manager can do without users and without most of the sandbox.
  sed -e '/^\(User\|Group\|CapabilityBoundingSet\|Protect[A-Za-z]*\|Private[A-Za-z]*\|Read[A-Za-z]*\)=/d' \
    -e 's/^WantedBy=.*/WantedBy=default.target/' "$here/chancery-collector.service" >"$unit.sed"
  fill "$unit.sed" "$unit" 0644
  rm -f -- "$unit.sed"
  if [ $root = yes ] && [ -n "$user" ]; then
    chown -R "$user:" "$state"
  fi
fi

say "done: $version is in $bin, its state in $state"
if has_systemd; then
  systemctl daemon-reload
  if [ $start = yes ]; then
    systemctl enable chancery-collector.service >/dev/null 2>&1
    systemctl restart chancery-collector.service
    say 'it runs: systemctl status chancery-collector'
  else
    say 'start it with: systemctl enable --now chancery-collector'
  fi
else
  say "start it with: $bin/chancery-collector --state $state"
  [ $system = yes ] || say "or as a user unit: systemctl --user link $unit"
fi
)SH";
}

std::string unit_template() {
  return R"(# Written by install.sh of a Chancery installer.
[Unit]
Description=Chancery collector
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
User=@USER@
Group=@USER@
ExecStart=@BIN@/chancery-collector --state @STATE@
Restart=on-failure
RestartSec=5
LimitCORE=0
UMask=0077
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=@STATE@
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
)";
}

}  // namespace chancery::installer
