#!/bin/sh
# Names every public header, as an #include writes it.
cd "$(dirname "$0")/../../src/include" && find tally -name '*.h' | LC_ALL=C sort
