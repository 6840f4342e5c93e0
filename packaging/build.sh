#!/bin/sh
# Builds the Debian packages of what is committed here: build.sh FOLDER leaves them in FOLDER.
# Not for installing what that needs: `dpkg-checkbuilddeps packaging/debian/control` names it.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
to=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tally"
git -C "$top" archive HEAD | tar -x -C "$work/tally"
cp -r "$work/tally/packaging/debian" "$work/tally/debian"
cd "$work/tally"
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$work/tally"
dpkg-buildpackage -b -us -uc > "$to/build.log" 2>&1 || { tail -n 60 "$to/build.log" >&2; exit 1; }
mv ../*.deb "$to"
ls "$to"/*.deb
