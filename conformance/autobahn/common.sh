# shellcheck shell=sh
# Shared by run-server-cases.sh and run-client-cases.sh; read with ".", not run.

AUTOBAHN_HOME=${AUTOBAHN_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/autobahn}
say() { printf '%s\n' "autobahn: $*" >&2; }
die() { say "$*"; exit 2; }

[ -x "$AUTOBAHN_HOME/bin/python27" ] || die "no suite in $AUTOBAHN_HOME: run install.sh, or set AUTOBAHN_HOME to where it was installed"

# json_list ITEM...: a JSON array of strings (case patterns and exclusions hold nothing that needs escaping)
json_list() {
    out=
    for item in "$@"; do
        case $item in
            *[!0-9.*]*) die "not a case or a pattern of cases: $item" ;;
        esac
        out="$out${out:+, }\"$item\""
    done
    printf '[%s]' "$out"
}

# prepare OUTDIR: empties it of an earlier run's reports and leaves its absolute path in $OUT
prepare() {
    mkdir -p "$1"
    OUT=$(cd "$1" && pwd)
    find "$OUT" -maxdepth 1 -type f \( -name '*_case_*.json' -o -name '*_case_*.html' -o -name 'index.*' \) -delete
}
