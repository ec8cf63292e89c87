# Shared by ./run, ./test and .ci/run: each function installs or builds one thing, only when it is missing or stale.
# Source it from the repository's root. No function asks a question or needs a terminal.

export DEBIAN_FRONTEND=noninteractive
export NPM_CONFIG_FUND=false NPM_CONFIG_AUDIT=false NPM_CONFIG_UPDATE_NOTIFIER=false
export PIP_DISABLE_PIP_VERSION_CHECK=1
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"

TARGET="${CARGO_TARGET_DIR:-$PWD/target}"
export CARGO_TARGET_DIR="$TARGET"

say() { printf '\n== %s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 2
}

# as_root COMMAND…: run as root, through sudo when we are not.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo -n "$@" || die "needs root for: $* (run it yourself, then start again)"
    else
        die "needs root for: $* (run it yourself, then start again)"
    fi
}

apt_updated=no
# apt_update: know what packages there are, once.
apt_update() {
    [ "$apt_updated" = no ] || return 0
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update -qq >&2
    apt_updated=yes
}

# apt_install PACKAGE…: install Debian packages.
apt_install() {
    command -v apt-get >/dev/null 2>&1 || die "this is not Debian; please install: $*"
    apt_update
    say "Installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@" >&2
}

# need COMMAND PACKAGE…: make sure a command exists.
need() {
    local command=$1
    shift
    command -v "$command" >/dev/null 2>&1 || apt_install "$@"
    command -v "$command" >/dev/null 2>&1 || die "$command is missing, and installing $* did not bring it"
}

need_rust() {
    if ! command -v cargo >/dev/null 2>&1 && [ -f "$HOME/.cargo/env" ]; then
        # shellcheck disable=SC1091
        . "$HOME/.cargo/env"
    fi
    command -v cargo >/dev/null 2>&1 || die "Rust is missing: install Rust 1.95 or later with rustup, then start again"
    local have
    have=$(rustc --version | cut -d' ' -f2)
    at_least "${have%%-*}" 1.95.0 || die "Rust $have is too old: 1.95 or later is needed"
    need cc build-essential
}

need_node() {
    command -v node >/dev/null 2>&1 || apt_install nodejs npm
    local have
    have=$(node --version | tr -d v)
    at_least "$have" 20.15.0 || die "Node $have is too old: 20.15 or later is needed"
    command -v npm >/dev/null 2>&1 || die "npm is missing: it comes with Node"
}

# at_least HAVE WANT: compare versions.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# digest PATH…: one hash over the contents and names of files and folders, generated ones left out.
digest() {
    find "$@" \( -name node_modules -o -name dist \) -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum |
        sha256sum | cut -d' ' -f1
}

# npm_packages FOLDER: `npm ci`, when package-lock.json differs from what is installed.
npm_packages() {
    local folder=$1 stamp
    stamp=$(digest "$folder/package-lock.json" "$folder/package.json")
    if [ "$(cat "$folder/node_modules/.skein-stamp" 2>/dev/null || true)" != "$stamp" ]; then
        say "Installing npm packages of $folder/"
        (cd "$folder" && npm ci --no-fund --no-audit --loglevel=error) >&2
        printf '%s' "$stamp" >"$folder/node_modules/.skein-stamp"
    fi
}

# build_web: stylesheet and scripts of the viewer, which the binary embeds.
build_web() {
    need_node
    npm_packages web
    local stamp
    stamp=$(digest web)
    if [ "$(cat web/dist/.skein-stamp 2>/dev/null || true)" != "$stamp" ]; then
        say "Building the viewer's stylesheet and scripts"
        (cd web && npm run --silent build) >&2
        printf '%s' "$stamp" >web/dist/.skein-stamp
    fi
}

# need_pdftotext: reads PDF letters, for the words inside them.
need_pdftotext() { need pdftotext poppler-utils; }

# need_faketime: libfaketime, with which the clocks of a region that is tortured jump.
need_faketime() {
    compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || apt_install libfaketime
    compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || die "libfaketime is missing, and installing it did not bring it"
}

# need_promtool: Prometheus's own tool, which tells on what alert rules fire; sets SKEIN_PROMTOOL. Out of Debian's package, without
# the server in it.
need_promtool() {
    SKEIN_PROMTOOL=$(command -v promtool || true)
    if [ -z "$SKEIN_PROMTOOL" ]; then
        SKEIN_PROMTOOL="$TARGET/prometheus/usr/bin/promtool"
        if [ ! -x "$SKEIN_PROMTOOL" ]; then
            command -v apt-get >/dev/null 2>&1 || die "this is not Debian; please install promtool (it comes with Prometheus)"
            say "Fetching promtool"
            rm -rf "$TARGET/prometheus"
            mkdir -p "$TARGET/prometheus"
            apt_update
            (cd "$TARGET/prometheus" && apt-get download -qq prometheus >&2 && dpkg -x prometheus_*.deb . && rm prometheus_*.deb usr/bin/prometheus) ||
                die "promtool could not be fetched (apt-get download prometheus)"
        fi
    fi
    export SKEIN_PROMTOOL
}

# python_tools: a virtual environment at $TARGET/python with the clients of tests/requirements.txt.
python_tools() {
    local python=python3 stamp
    [ -x /usr/bin/python3 ] && python=/usr/bin/python3
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        apt_install python3 python3-venv
    fi
    stamp=$(digest tests/requirements.txt)
    if [ "$(cat "$TARGET/python/.skein-stamp" 2>/dev/null || true)" != "$stamp" ]; then
        say "Installing the Python clients that the tests use"
        rm -rf "$TARGET/python"
        "$python" -m venv "$TARGET/python" >&2
        "$TARGET/python/bin/pip" install --quiet --no-input -r tests/requirements.txt >&2
        printf '%s' "$stamp" >"$TARGET/python/.skein-stamp"
    fi
}

# need_browser: Debian's chromium, for the browser tests; sets SKEIN_CHROMIUM.
need_browser() {
    need chromium chromium fonts-dejavu-core
    SKEIN_CHROMIUM=$(command -v chromium)
    export SKEIN_CHROMIUM
}

# as_postgres COMMAND…: run as a user that PostgreSQL accepts, which root is not.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# start_postgres: a PostgreSQL of the tests' own, on a socket in a temporary folder and on no network; sets SKEIN_POSTGRES to
# the folder of the socket, and PGHOME. What it holds is thrown away by stop_postgres, so that it need not wait for a disk.
start_postgres() {
    need psql postgresql postgresql-client
    local programs
    programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    [ -x "$programs/initdb" ] || apt_install postgresql
    programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    [ -x "$programs/initdb" ] || die "PostgreSQL's initdb is missing, and installing postgresql did not bring it"
    at_least "$(basename "$(dirname "$programs")")" 15 || die "PostgreSQL 15 or later is needed; here is $programs"
    say "Starting a PostgreSQL for the tests"
    PGPROGRAMS=$programs
    PGHOME=$(mktemp -d "${TMPDIR:-/tmp}/skein-postgres.XXXXXX")
    chmod 711 "$PGHOME"
    if [ "$(id -u)" -eq 0 ]; then chown postgres "$PGHOME"; fi
    SKEIN_POSTGRES="$PGHOME/socket"
    as_postgres mkdir -m 755 "$SKEIN_POSTGRES"
    as_postgres "$PGPROGRAMS/initdb" --pgdata="$PGHOME/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
        --no-sync >"$PGHOME.log" || die "initdb failed (see $PGHOME.log)"
    printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$SKEIN_POSTGRES'" 'max_connections = 400' \
        "shared_preload_libraries = 'pg_stat_statements'" 'fsync = off' \
        'full_page_writes = off' | as_postgres tee -a "$PGHOME/data/postgresql.conf" >/dev/null
    as_postgres "$PGPROGRAMS/pg_ctl" --pgdata="$PGHOME/data" --log="$PGHOME/log" --wait --silent start ||
        die "PostgreSQL did not start (see $PGHOME/log)"
    export SKEIN_POSTGRES PGHOME PGPROGRAMS
}

# stop_postgres: stop it, and remove what it held.
stop_postgres() {
    [ -n "${PGHOME:-}" ] || return 0
    as_postgres "$PGPROGRAMS/pg_ctl" --pgdata="$PGHOME/data" --mode=immediate --wait --silent stop || true
    rm -rf "$PGHOME" "$PGHOME.log"
    unset PGHOME SKEIN_POSTGRES
}

# The counts. Every stage adds its own; `closing_line` prints the sum as the last line and ends the script.
passed=0
failed=0
# count PASSED FAILED
count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
}
# note_failure SENTENCE: one thing failed, and this is what to do about it.
note_failure() {
    printf 'FAILED: %s\n' "$*" >&2
    count 0 1
}
# check NAME COMMAND…: one command that passes or fails, counted as one.
check() {
    local name=$1
    shift
    say "$name"
    if "$@"; then count 1 0; else note_failure "$name (the command was: $*)"; fi
}
# what_failed LOG: what each failed test of `cargo test` printed, cut where it is long.
what_failed() {
    awk '/^---- .* ----$/ { left = 60 } /^failures:$/ { left = 0 } left > 0 { print substr($0, 1, 1000); left-- }' "$1"
}
# Kept for the end: whoever looks there first need not search thousands of lines for it.
reasons=''
# closing_line: print why tests failed, and the sum; the script's exit code says whether anything failed or nothing ran.
closing_line() {
    [ -z "$reasons" ] || printf '\n== What failed, once more\n%s\n' "$reasons"
    printf '\n%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# count_cargo LOG STATUS: add up the `test result:` lines of `cargo test`. A build error or a test program that died prints
# no such line, and an ignored test is one skipped: both count as failures. Three reasons to be ignored are good: another
# test runs it in a process of its own, it only measures, or it writes a file that other tests read.
count_cargo() {
    local log=$1 status=$2 sums p f i
    sums=$(awk '/^test result:/ { for (n = 2; n <= NF; n++) { if ($n == "passed;") p += $(n-1); if ($n == "failed;") f += $(n-1) } }
        END { print p + 0, f + 0 }' "$log")
    read -r p f <<<"$sums"
    count "$p" "$f"
    [ "$f" -eq 0 ] || reasons+=$(what_failed "$log")
    i=$(grep -E '^test .* \.\.\. ignored' "$log" | grep -Evc 'ignored, (run by|measures|writes)' || true)
    [ "$i" -eq 0 ] || note_failure "$i tests are ignored without a good reason: run them, or take them out"
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
        note_failure "cargo test ended with $status: a build error, or a test program that died (see above)"
    fi
}

# count_node LOG STATUS: add up the closing lines of `node --test` (TAP).
count_node() {
    local log=$1 status=$2 p f s
    p=$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$log" | tail -n 1)
    f=$(sed -n 's/^# fail \([0-9]*\)$/\1/p' "$log" | tail -n 1)
    s=$(awk '/^# (skipped|todo|cancelled) [0-9]+$/ { n += $3 } END { print n + 0 }' "$log")
    count "${p:-0}" "${f:-0}"
    [ "${f:-0}" -eq 0 ] || reasons+=$(awk '/^ *not ok / { left = 30 } left > 0 { print substr($0, 1, 1000); left-- }' "$log")
    [ "$s" -eq 0 ] || note_failure "$s browser tests were skipped, cancelled or left to do"
    if [ "$status" -ne 0 ] && [ "${f:-0}" -eq 0 ]; then
        note_failure "the browser tests ended with $status without saying why"
    fi
}
