#!/bin/sh
# Builds the Debian packages of what is committed here: build.sh [--plain] FOLDER leaves them in FOLDER, and what was said
# meanwhile in FOLDER/build.log. --plain: without Debian's hardening and debug flags, so that a test finds its compiler's
# results in the cache of a release build. Not for installing what that needs: `dpkg-checkbuilddeps
# packaging/debian/control` names it.
set -eu
plain=
if [ "${1:-}" = --plain ]; then plain=yes; shift; fi
[ $# -eq 1 ] || { echo "usage: build.sh [--plain] FOLDER" >&2; exit 64; }
top=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
to=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tally"
git -C "$top" archive HEAD | tar -x -C "$work/tally"
cp -r "$work/tally/packaging/debian" "$work/tally/debian"
cd "$work/tally"
# debhelper gives the build a home of its own: the cache of this one is named.
if command -v ccache > /dev/null; then
  CCACHE_DIR=${CCACHE_DIR:-$(ccache -k cache_dir)}
  export CCACHE_DIR CCACHE_NOHASHDIR=1
fi
if [ -n "$plain" ]; then
  export DEB_CFLAGS_SET= DEB_CXXFLAGS_SET= DEB_CPPFLAGS_SET= DEB_LDFLAGS_SET= TALLY_PLAIN_FLAGS=1
fi
export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-parallel=$(nproc) noautodbgsym}"
dpkg-buildpackage -b -us -uc > "$to/build.log" 2>&1 || { tail -n 60 "$to/build.log" >&2; exit 1; }
mv ../*.deb ../*.changes ../*.buildinfo "$to"
ls "$to"/*.deb
