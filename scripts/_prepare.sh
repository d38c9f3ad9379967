# shellcheck shell=bash
# Sourced by scripts/demo and scripts/test from the clone's root: installs what is missing, fast when nothing is.
#   prepare requirements.txt [requirements-dev.txt]
# The stamp inside .venv is written last, so an installation that was broken off is begun anew at the next start.

venv=${venv:-.venv} # set before this file is read, another place to install into
stamp=$venv/.installed

say() { printf '%s\n' "$*" >&2; }
stop() { say "$@"; exit 1; }

# Runs a long command so that SIGTERM ends it too: bash alone would wait for it, or leave it behind.
run() {
    "$@" &
    local child=$!
    trap 'kill "$child" 2>/dev/null; wait "$child"; exit 130' INT TERM HUP
    local code=0
    wait "$child" || code=$?
    trap - INT TERM HUP
    return "$code"
}

# PostgreSQL refuses to run as root, so its files must lie where another account may enter.
refuse_roots_home() {
    [ "$(id -u)" = 0 ] || return 0
    local home
    home=$(getent passwd root | cut -d: -f6)
    case "$PWD/" in
        "${home:-/root}"/*)
            stop "This clone lies in root's home directory, which the embedded PostgreSQL may not enter." \
                "Move it, for example:  mv '$PWD' /srv/  (or run as an ordinary user)." ;;
    esac
}

# Installs Debian packages, or says the line that does.
apt_install() {
    local line="apt-get update && apt-get install -y --no-install-recommends $*" sudo=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null && sudo -n true 2>/dev/null || stop "Missing: $*. Please run:  sudo sh -c '$line'"
        sudo="sudo -n"
    fi
    command -v apt-get >/dev/null || stop "Missing: $*. Install them with this system's package manager."
    say "Installing system packages: $*"
    $sudo apt-get update -qq >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

# Names of the Debian packages that are missing for building annoy, making .venv and loading implicit.
missing_packages() {
    local python=$1 version
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    command -v g++ >/dev/null || echo g++
    "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' || echo "$version-dev"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "$version-venv"
    { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -c 'libgomp\.so\.1' >/dev/null || echo libgomp1
}

# What the stamp says when the given files are installed in this place.
wanted_lines() {
    printf 'place %s\n' "$PWD"
    sha256sum "$@"
}

is_installed() {
    [ -f "$stamp" ] && "$venv/bin/python" -c '' 2>/dev/null && [ -z "$(wanted_lines "$@" | grep -vxFf "$stamp")" ]
}

# Installs files whose hashes the lock holds, and no others.
pip_install() {
    run "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes "$@"
}

# A package's lines in lock files: its version and its hashes.
locked() {
    local package=$1
    shift
    sed -n "/^$package==/,/[^\\\\]\$/p" "$@"
}

# annoy has no wheel. It is built with the locked setuptools: pip would fetch the newest one, whose hash nobody holds.
install_built() {
    local lines
    lines=$(locked annoy "$@")
    [ -n "$lines" ] || return 0
    pip_install -r <(locked setuptools "$@")
    pip_install --no-deps --no-build-isolation --use-pep517 -r <(printf '%s\n' "$lines")
}

install() {
    local python packages requirement options=()
    umask 022 # as root, PostgreSQL's account must be able to read and run what is installed
    python=$(find_python)
    [ -n "$python" ] || { apt_install python3 python3-dev python3-venv; python=$(find_python); }
    [ -n "$python" ] || stop "Python 3.11 or newer is needed (3.11 and 3.12 are tried first); none was found."
    mapfile -t packages < <(missing_packages "$python")
    [ ${#packages[@]} = 0 ] || apt_install "${packages[@]}"
    if [ ! -f "$stamp" ] || ! grep -qxF "place $PWD" "$stamp" || ! "$venv/bin/python" -c '' 2>/dev/null; then
        say "Making $venv with $python"
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
    rm -f "$stamp"
    for requirement in "$@"; do options+=(-r "$requirement"); done
    say "Installing $* (about a minute)"
    install_built "$@"
    pip_install "${options[@]}"
    wanted_lines "$@" > "$stamp.new"
    mv "$stamp.new" "$stamp"
}

prepare() {
    refuse_roots_home
    exec 9< scripts/_prepare.sh
    flock 9 # a second start waits until the first has installed
    is_installed "$@" || install "$@"
    exec 9<&-
}
