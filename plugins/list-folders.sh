#!/bin/sh
# Names every plugin's folder, so that adding one edits no shared file.
cd "$(dirname "$0")" && ls -d */*/meson.build 2>/dev/null | sed 's,/meson.build$,,' || true
