// Says what this plugin is: the storage driver for PostgreSQL.
// Not for what it does: see store.h.
#include <tally/plugin.h>

#include "store.h"

// clang-format off
TALLY_PLUGIN(tally::postgresql::Store, {
  "name": "postgresql",
  "version": "1.0.0",
  "summary": "Keeps samples in PostgreSQL",
  "roles": [{
    "role": "storage",
    "name": "postgresql",
    "summary": "Samples, dead letters and the books in a PostgreSQL database",
    "schemes": ["postgresql", "postgres"],
    "writers": 16,
    "config": [
      {"key": "password", "type": "string", "secret": true,
       "help": "Instead of one in the URL; write it as {file: PATH}"},
      {"key": "schema", "type": "string", "default": "tally",
       "help": "The schema of the database that holds Tally's tables, and nothing else"},
      {"key": "grant", "type": "string",
       "help": "The role that init and upgrade give what a collector needs, where another one owns the tables"},
      {"key": "partition_days", "type": "integer", "default": 7, "min": 1, "max": 366,
       "help": "How many days one partition holds; taken by init, kept from then on"},
      {"key": "connect_timeout", "type": "duration", "default": "10s", "min": "2s", "max": "10m",
       "help": "How long to try each host"},
      {"key": "write_timeout", "type": "duration", "default": "60s", "min": "100ms", "max": "1h",
       "help": "How long the server may take for one batch before the connection is given up"},
      {"key": "query_timeout", "type": "duration", "default": "10m", "min": "100ms", "max": "24h",
       "help": "How long to wait for the next part of an answer"}
    ]
  }]
});
