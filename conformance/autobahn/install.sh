#!/bin/sh
# install.sh [DEST] - installs the Autobahn WebSocket test suite (PyPI: autobahntestsuite) into DEST.
#
# The suite is Python 2.7 code and runs unmodified. The interpreter is, in this order:
#   1. the one named by the variable AUTOBAHN_PYTHON27
#   2. a python2.7 on PATH, or one that pyenv holds
#   3. Debian bullseye's, downloaded through the machine's own apt mirror with a private apt
#      configuration and unpacked below DEST (nothing is installed into the system)
# AUTOBAHN_FORCE_UNPACK=1 goes straight to 3. Running it again on a working DEST does nothing.
set -eu

VERSION=25.10.1
HERE=$(cd "$(dirname "$0")" && pwd)
DEST=${1:-${AUTOBAHN_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/autobahn}}
mkdir -p "$DEST"
DEST=$(cd "$DEST" && pwd)

say() { printf '%s\n' "autobahn: $*" >&2; }
die() { say "$*"; exit 1; }

works() { [ -x "$DEST/bin/python27" ] && "$DEST/bin/wstest" -a 2>/dev/null | grep -q "^AutobahnTestSuite $VERSION\$"; }

if works; then
    say "already installed in $DEST"
    exit 0
fi

# ---------------------------------------------------------------- Python 2.7
usable() { "$1" -c 'import sys, zlib, ssl, hashlib, ctypes; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; }

find_python27() {
    if [ -n "${AUTOBAHN_PYTHON27:-}" ]; then
        usable "$AUTOBAHN_PYTHON27" || die "AUTOBAHN_PYTHON27 is not a usable Python 2.7"
        echo "$AUTOBAHN_PYTHON27"
        return 0
    fi
    [ "${AUTOBAHN_FORCE_UNPACK:-}" = 1 ] && return 1
    candidates=$(command -v python2.7 || true)
    if command -v pyenv >/dev/null 2>&1; then
        candidates="$candidates $(ls -d "$(pyenv root)"/versions/2.7*/bin/python2.7 2>/dev/null || true)"
    fi
    for p in $candidates; do
        if usable "$p"; then echo "$p"; return 0; fi
    done
    return 1
}

# Downloads bullseye's packages with an apt state of its own and unpacks them into $DEST/py27.
unpack_python27() {
    command -v apt-get >/dev/null || die "no Python 2.7 here, and no apt-get to fetch one with"
    a=$DEST/tmp/apt
    rm -rf "$a" "$DEST/py27"
    mkdir -p "$a/lists/partial" "$a/cache/archives/partial" "$a/parts" "$a/debs"
    # shellcheck disable=SC2016 # apt expands these
    targets() { apt-get "$@" indextargets --format '$(REPO_URI)|$(CODENAME)|$(COMPONENT)' 'Identifier: Packages' 2>/dev/null; }
    uri=$( (targets; true) | awk -F'|' '$3 == "main" && $2 !~ /-/ { print $1; exit }')
    if [ -z "$uri" ]; then
        apt-get -q -o Dir::State::Lists="$a/lists" -o APT::Sandbox::User=root update >/dev/null
        uri=$( (targets -o Dir::State::Lists="$a/lists"; true) | awk -F'|' '$3 == "main" && $2 !~ /-/ { print $1; exit }')
    fi
    [ -n "$uri" ] || die "the apt configuration names no Debian mirror"
    : > "$a/status"
    echo "deb $uri bullseye main" > "$a/sources.list"
    cat > "$a/apt.conf" <<CONF
Dir::Etc::SourceList "$a/sources.list";
Dir::Etc::SourceParts "$a/parts";
Dir::State::Lists "$a/lists";
Dir::State::Status "$a/status";
Dir::Cache "$a/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
    rm -rf "$a/lists"; mkdir -p "$a/lists/partial"
    APT_CONFIG=$a/apt.conf apt-get -q update >&2 || die "this apt mirror has no bullseye suite"
    (cd "$a/debs" && APT_CONFIG=$a/apt.conf apt-get -q download \
        python2.7-minimal libpython2.7-minimal libpython2.7-stdlib libpython2.7-dev \
        libssl1.1 libffi7 libexpat1 >&2)
    mkdir -p "$DEST/py27"
    for d in "$a"/debs/*.deb; do dpkg-deb -x "$d" "$DEST/py27"; done
    ls -d "$DEST"/py27/usr/bin/python2.7 >/dev/null
}

rm -rf "${DEST:?}/venv" "${DEST:?}/bin" "${DEST:?}/tmp"
mkdir -p "$DEST/tmp" "$DEST/bin"

LIBS=
if PY27=$(find_python27); then
    say "Python 2.7: $PY27"
else
    say "Python 2.7: unpacking Debian bullseye's"
    unpack_python27
    PY27=$DEST/py27/usr/bin/python2.7
    for d in "$DEST"/py27/usr/lib/*-linux-gnu* "$DEST"/py27/lib/*-linux-gnu*; do
        [ -d "$d" ] && LIBS=$LIBS${LIBS:+:}$d
    done
    for d in "$DEST"/py27/usr/include/python2.7 "$DEST"/py27/usr/include/*-linux-gnu*/python2.7; do
        [ -d "$d" ] && CPATH=${CPATH:-}${CPATH:+:}$d
    done
    export CPATH="${CPATH:-}:$DEST/py27/usr/include"
    LD_LIBRARY_PATH=$LIBS${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
    usable "$PY27" || die "the unpacked Python 2.7 does not run"
fi

# ---------------------------------------------------------------- virtual environment
# virtualenv 20.21.1 is the last release that makes Python 2.7 environments; it carries pip 20.3.4.
# The Python 3 that drives it must not see the unpacked libraries.
boot() { (unset LD_LIBRARY_PATH CPATH; "$@"); }
if ! boot python3 -m venv "$DEST/tmp/boot" >/dev/null 2>&1; then
    say "installing python3-venv"
    apt-get -q update >&2
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install python3-venv >&2
    rm -rf "$DEST/tmp/boot"
    boot python3 -m venv "$DEST/tmp/boot"
fi
boot "$DEST/tmp/boot/bin/pip" -q install 'virtualenv==20.21.1'
"$DEST/tmp/boot/bin/virtualenv" -q --no-periodic-update -p "$PY27" "$DEST/venv"

export PYTHONWARNINGS=ignore
pip27() { "$DEST/venv/bin/python" -m pip --disable-pip-version-check -q "$@"; }
# --no-deps: the list is complete; the suite's own metadata would also ask for what only its retired modes use
pip27 install --no-deps -r "$HERE/requirements.txt"
if ! pip27 install --no-deps 'wsaccel==0.6.6'; then
    say "wsaccel could not be built (is a C compiler installed?): the suite will run, but slowly in 9.*, 12.* and 13.*"
fi

# ---------------------------------------------------------------- launchers
# bin/python27 starts the environment's interpreter (with the unpacked libraries, if any); bin/wstest the suite's command
cat > "$DEST/bin/python27" <<'LAUNCHER'
#!/bin/sh
HOME_DIR=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONWARNINGS=ignore PYTHONUNBUFFERED=1
LAUNCHER
if [ -n "$LIBS" ]; then
    # shellcheck disable=SC2016 # expanded by the launcher
    printf 'export LD_LIBRARY_PATH="%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\n' "$LIBS" >> "$DEST/bin/python27"
fi
cat >> "$DEST/bin/python27" <<'LAUNCHER'
exec "$HOME_DIR/venv/bin/python" "$@"
LAUNCHER
cat > "$DEST/bin/wstest" <<'LAUNCHER'
#!/bin/sh
exec "$(dirname "$0")/python27" -c "from autobahntestsuite.wstest import run; run()" "$@"
LAUNCHER
chmod +x "$DEST/bin/python27" "$DEST/bin/wstest"
rm -rf "$DEST/tmp"

works || { "$DEST/bin/wstest" -a || true; die "the installed suite does not start"; }
count=$("$DEST/bin/python27" -c 'import autobahntestsuite.case as c; print(len(c.Cases))')
say "autobahntestsuite $VERSION with $count cases in $DEST"
