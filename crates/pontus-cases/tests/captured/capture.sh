#!/bin/sh
# Makes the captures again: each *.txt here is what a real tool printed, its two streams as one, for the source of
# the same name beside it. What is not installed is said.
#
#   PYTHONS   interpreters of unittest that take part; the capture's name says which version made it
#   PYTEST    a pytest with pytest-xdist
set -u
here=$(cd "$(dirname "$0")" && pwd)
PYTHONS=${PYTHONS:-python3}
PYTEST=${PYTEST:-pytest}
work=/tmp/pontus-captured
rm -rf "$work" && mkdir -p "$work" && cd "$work" || exit 1
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
unset PYTHONUNBUFFERED NO_COLOR FORCE_COLOR CI
versions=$here/VERSIONS
: > "$versions"

# Captures of an earlier run, so that none outlives its source. Those of tools that are missing now go too.
rm -f "$here"/*.txt

has() { command -v "$1" > /dev/null || { echo "capture.sh: $1 is missing" >&2; return 1; }; }

# take NAME COMMAND...: what the command prints becomes NAME.txt, whatever its exit status.
take() { name=$1; shift; "$@" > "$here/$name.txt" 2>&1 < /dev/null; }

for python in $PYTHONS; do
    has "$python" || continue
    version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
    short=${version%.*}
    echo "unittest of python $version: unittest-*-$short.txt" >> "$versions"
    for source in "$here"/unittest-*.py; do
        what=$(basename "$source" .py)
        module=test_$(echo "${what#unittest-}" | tr - _)
        cp "$source" "$module.py"
        take "$what-$short" "$python" -m unittest -v "$module"
    done
    quiet=$python
done
if [ -n "${quiet:-}" ]; then
    take unittest-quiet-$short "$quiet" -m unittest test_basic
    take unittest-unbuffered-$short "$quiet" -u -m unittest -v test_noise
fi

if has "$PYTEST"; then
    "$PYTEST" -VV >> "$versions" 2>&1
    cp "$here"/pytest-*.py .
    for what in basic subtests uncollectable none killed; do
        take "pytest-$what" "$PYTEST" -v -p no:cacheprovider "pytest-$what.py"
    done
    take pytest-noise "$PYTEST" -v -s -p no:cacheprovider pytest-noise.py
    take pytest-quiet "$PYTEST" -q -p no:cacheprovider pytest-basic.py
    take pytest-plain "$PYTEST" -p no:cacheprovider pytest-basic.py
    take pytest-wordy "$PYTEST" -vv -p no:cacheprovider pytest-basic.py
    take pytest-colour "$PYTEST" -v --color=yes -p no:cacheprovider pytest-basic.py
    take pytest-xdist "$PYTEST" -v -n 2 -p no:cacheprovider pytest-basic.py
    take pytest-both "$PYTEST" -v --continue-on-collection-errors -p no:cacheprovider \
        pytest-uncollectable.py pytest-noise.py
fi

if has cargo; then
    cargo --version >> "$versions"
    rustc --version >> "$versions"
    mkdir -p captured/src captured/tests
    printf '[package]\nname = "captured"\nedition = "2024"\n[workspace]\n' > captured/Cargo.toml
    cp "$here/libtest-unit.rs" captured/src/lib.rs
    for what in suite abort bench; do cp "$here/libtest-$what.rs" captured/tests/$what.rs; done
    cd captured || exit 1
    export CARGO_TARGET_DIR=$work/target CARGO_TERM_COLOR=never RUST_BACKTRACE=0
    RUSTC_BOOTSTRAP=1 cargo test -q --no-run 2> /dev/null
    take libtest-unit env RUSTC_BOOTSTRAP=1 cargo test --lib
    take libtest-doc env RUSTC_BOOTSTRAP=1 cargo test --doc
    take libtest-all env RUSTC_BOOTSTRAP=1 cargo test --no-fail-fast --lib --test suite --test bench
    take libtest-suite env RUSTC_BOOTSTRAP=1 cargo test --test suite
    take libtest-colour env RUSTC_BOOTSTRAP=1 cargo test --test suite -- --color always
    take libtest-nocapture env RUSTC_BOOTSTRAP=1 cargo test --test suite -- --nocapture --test-threads 1
    take libtest-showoutput env RUSTC_BOOTSTRAP=1 cargo test --test suite -- --show-output
    take libtest-abort env RUSTC_BOOTSTRAP=1 cargo test --test abort -- --test-threads 1
    take libtest-bench env RUSTC_BOOTSTRAP=1 cargo test --test bench -- --bench
    take libtest-times env RUSTC_BOOTSTRAP=1 cargo test --test suite -- -Z unstable-options --report-time
    cd "$work" || exit 1
fi

if has perl; then
    perl -MTest::More -e 'print "perl $^V, Test::More $Test::More::VERSION\n"' >> "$versions"
    for source in "$here"/tap-perl*.t; do
        cp "$source" . && take "$(basename "$source" .t)" perl "$(basename "$source")"
    done
fi

if has bats; then
    bats --version >> "$versions"
    cp "$here"/*.bats .
    take tap-bats bats --tap tap-bats.bats
    take tap-bats-setup bats --tap tap-bats-setup.bats
    take tap-bats-timing bats --tap --timing tap-bats.bats
fi

if has node; then
    echo "node $(node --version)" >> "$versions"
    for source in "$here"/tap-node*.mjs; do
        name=$(basename "$source")
        cp "$source" . && take "${name%.test.mjs}" node --test --test-reporter=tap "$name"
    done
fi
