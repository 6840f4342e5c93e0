// Says what this plugin is: the storage driver for one SQLite file.
// Not for what it does: see store.h.
#include <tally/plugin.h>

#include "store.h"

// clang-format off
TALLY_PLUGIN(tally::sqlite::Store, {
  "name": "sqlite",
  "version": "1.0.0",
  "summary": "Keeps samples in one SQLite file",
  "roles": [{
    "role": "storage",
    "name": "sqlite",
    "summary": "Samples, dead letters and the books in one SQLite file",
    "schemes": ["sqlite"], "query": [],
    "config": [
      {"key": "busy_timeout", "type": "duration", "default": "5s", "min": "0s", "max": "10m",
       "help": "How long to wait for another process that writes the same file"},
      {"key": "cache", "type": "bytes", "default": "16MiB", "min": "64KiB", "max": "64GiB",
       "help": "Memory for pages of the file, for each connection"}
    ]
  }]
});
