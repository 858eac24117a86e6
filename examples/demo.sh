#!/usr/bin/env bash
# Pontus from nothing to a verdict: builds it, makes a repository and its two clones, starts the three programs on a
# free port in a temporary folder, commits once, and shows the result. Ends what it started, whatever happens.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
started=()
# Options in the environment are for somebody else's Pontus and git.
for name in "${!PONTUS_@}" "${!GIT_@}"; do unset "$name"; done

finish() {
    local status=$?
    trap '' INT TERM
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    for process in "${started[@]}"; do wait "$process" 2>/dev/null || true; done
    if [ "$status" -ne 0 ]; then tail -n 20 "$work"/*.log 2>/dev/null || true; fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
git() { command git -c user.name=Demo -c user.email=demo@example.org -c commit.gpgSign=false "$@"; }

say "Building"
cargo build --quiet --locked --bins --manifest-path "$root/Cargo.toml"
PATH="$(cargo metadata --format-version 1 --no-deps --locked --manifest-path "$root/Cargo.toml" |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug:$PATH"
cd "$work"

say "A master repository, and a clone of it for the observer and for the runner"
cp -r "$root/examples/python" test_repo
command git init -q -b main test_repo
git -C test_repo add .
git -C test_repo commit -q -m "A greeting, and its tests"
git clone -q test_repo test_repo_clone_obs
git clone -q test_repo test_repo_clone_runner

say "The three programs"
mkfifo address
dispatcher --port 0 >address 2>dispatcher.log &
dispatcher=$!
started+=("$dispatcher")
read -r _ _ server <address
echo "dispatcher listens on $server"
runner --dispatcher-server "$server" test_repo_clone_runner 2>runner.log &
started+=("$!")
observer --dispatcher-server "$server" --interval 200ms test_repo_clone_obs 2>observer.log &
started+=("$!")

say "git commit"
echo "And a change." >>test_repo/README
git -C test_repo commit -q -a -m "A change"
commit=$(git -C test_repo rev-parse HEAD)
echo "$commit"

say "test_results/$commit"
timeout 60 grep -q -m 1 "$commit: verdict" < <(tail -n +1 -F --pid="$dispatcher" dispatcher.log 2>/dev/null)
cat "test_results/$commit"
tail -n 1 "test_results/$commit" | grep -q '^verdict: passed'
