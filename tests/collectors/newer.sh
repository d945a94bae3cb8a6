#!/bin/sh
# A victoria-metrics that takes OTLP: that of Debian 12 is too old. Downloaded from a newer suite with
# the machine's own mirror and Debian's own keys, unpacked, never installed.
#
#   newer.sh CACHE      prints the path of the program; fetches only if CACHE does not have it
#
# A failure is remembered for ten minutes: without a network, tests do not wait one after the other.
set -eu

suite=trixie
package=victoria-metrics
# Of the index, 10 MB, and of the package, 20 MB, each in seconds.
limit=100

cache=$1
program=$cache/tree/usr/bin/victoria-metrics
keys=/usr/share/keyrings/debian-archive-keyring.gpg

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
# Tests run beside each other.
exec 9>"$cache/lock"
flock 9

wanted=$(cksum <"$0")
if [ "$(cat "$cache/fetched" 2>/dev/null)" = "$wanted" ] && [ -x "$program" ]; then
    echo "$program"
    exit 0
fi
if [ -n "$(find "$cache/failed" -mmin -10 2>/dev/null)" ]; then
    echo "$package of $suite could not be fetched a moment ago: $(tail -n 1 "$cache/failed")" >&2
    exit 1
fi

# Apt with lists and a cache of its own, which knows this one suite.
apt() {
    timeout "$limit" apt-get -q \
        -o Dir::State::lists="$cache/lists" -o Dir::Cache="$cache/archives" \
        -o Dir::Etc::sourcelist="$cache/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any -o Acquire::Languages=none -o Acquire::Retries=1 \
        -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

fetch() {
    # shellcheck disable=SC2016 # apt's own variables
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    if [ -z "$mirror" ]; then
        echo "apt knows no mirror of Debian: apt-get update"
        return 1
    fi
    rm -rf "$cache/lists" "$cache/archives" "$cache/debs" "$cache/tree" "$cache/fetched"
    mkdir -p "$cache/lists/partial" "$cache/archives/archives/partial" "$cache/debs"
    echo "deb [signed-by=$keys] $mirror $suite main" >"$cache/sources.list"
    apt update && (cd "$cache/debs" && apt download "$package") &&
        dpkg-deb -x "$cache"/debs/*.deb "$cache/tree" && [ -x "$program" ]
}

if ! fetch >"$cache/failed" 2>&1; then
    tail -n 5 "$cache/failed" >&2
    exit 1
fi
# Its tools are ten times its size.
find "$cache/tree" -type f ! -path "$program" -delete
rm -rf "$cache/lists" "$cache/archives" "$cache/debs" "$cache/failed"
echo "$wanted" >"$cache/fetched"
echo "$program"
