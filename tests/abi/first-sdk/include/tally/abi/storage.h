/* Role "storage": keeps samples, dead letters and the books; answers queries.
 *
 * One transaction a batch: an error means that nothing was committed, or that this is not known; the host repeats the
 * same batch, and ids make that safe. Matches the host's minor version exactly. */
#ifndef TALLY_ABI_STORAGE_H
#define TALLY_ABI_STORAGE_H

#include <tally/abi/sample.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A sample ready to be kept: `sample.source`, `sample.timestamp_us`, `sample.resource_metadata` are set, and its
 * `sample.volume` is canonical (no exponent, no trailing zeros). `sample.id` is what the id column shows. */
typedef struct tally_row {
  size_t size;
  const tally_sample* sample;
  int64_t received_us;
} tally_row;

/* What became of a row. */
enum {
  TALLY_STORED = 1,
  TALLY_DUPLICATE = 2, /* the id is there with the same type, unit, volume, project and user; also within the batch */
  TALLY_CONFLICT = 3,  /* the id is there with other ones: not kept by the driver, the host makes a dead letter of it */
  TALLY_REJECTED = 4   /* can never be kept, with a reason; the rest of the batch is */
};

typedef struct tally_row_result {
  int32_t status;
  uint32_t reserved;
  tally_str reason; /* for CONFLICT and REJECTED; lives until the write returns */
} tally_row_result;

/* A message or sample that can never be stored. Keyed by digest: one that is there already is left alone. */
typedef struct tally_dead_letter {
  size_t size;
  tally_str digest;     /* 32 lower-case hexadecimal digits */
  tally_str kind;       /* "message" or "sample" */
  tally_str reason;     /* a short token: "not json", "conflict", "too old", "handler failed" … */
  tally_str detail;     /* the whole explanation */
  tally_str bus;        /* the transport's URL without its secrets */
  tally_str event_type; /* null where unknown, like the next two */
  tally_str message_id;
  tally_str handler; /* the plugin that refused it, or that would have taken it */
  tally_str body;    /* the message's bytes, or the sample as JSON */
  int64_t received_us;
} tally_dead_letter;

/* Adds `count` to the books' line (bus, day, unit, outcome). `day`: days since 1970-01-01 UTC.
 * `unit`: "messages" or "samples"; `outcome`: stored, duplicate, conflict, dead, filtered. */
typedef struct tally_book_entry {
  size_t size;
  int64_t day;
  tally_str bus;
  tally_str unit;
  tally_str outcome;
  uint64_t count;
} tally_book_entry;

/* What a batch adds beside its rows, known only when the fate of each row is. Pointers live until the write returns. */
typedef struct tally_conclusion {
  size_t size;
  const tally_dead_letter* dead_letters;
  size_t dead_letter_count;
  const tally_book_entry* entries;
  size_t entry_count;
  const tally_str* settled_dead_letters; /* digests that are dead no longer (replayed): removed */
  size_t settled_dead_letter_count;
} tally_conclusion;

typedef struct tally_batch {
  size_t size;
  const tally_row* rows;
  size_t row_count;
  void* context;
  /* The driver calls it once per attempt, inside the transaction, after the rows and before the commit, with one result
   * a row. What it fills in is written in the same transaction. */
  void (*conclude)(void* context, const tally_row_result* results, tally_conclusion* conclusion);
} tally_batch;

enum {
  TALLY_QUERY_METERS = 1,       /* name, type, unit, resources, samples, first, last */
  TALLY_QUERY_RESOURCES = 2,    /* resource_id, project_id, user_id, source, meters, samples, first, last, metadata */
  TALLY_QUERY_SAMPLES = 3,      /* the keys of a sample, and received_at, batch */
  TALLY_QUERY_STATISTICS = 4,   /* group keys, period_start, period_end, count, sum, min, max, avg, unit, … */
  TALLY_QUERY_DEAD_LETTERS = 5, /* the fields of a dead letter; `body` only where `digest` is given */
  TALLY_QUERY_BOOKS = 6,        /* bus, day, unit, outcome, count */
  TALLY_QUERY_SIZE = 7          /* meter, samples, bytes */
};

typedef struct tally_filter {
  tally_str field; /* resource_id, project_id, user_id, source, unit, type, metadata.<key> */
  tally_str value; /* equals */
} tally_filter;

typedef struct tally_query {
  size_t size;
  int32_t kind;
  uint32_t descending;         /* samples: newest first */
  int64_t start_us;            /* inclusive; TALLY_NO_TIME: open */
  int64_t end_us;              /* exclusive; TALLY_NO_TIME: open */
  int64_t as_of;               /* only what batches up to this number brought; -1: everything */
  int64_t period_us;           /* statistics: width of a window aligned to `start_us` or else to 1970; 0: one window */
  int64_t limit;               /* most rows; -1: all */
  tally_str meter;             /* exact name, or with `*` for any run of characters; null: all */
  tally_str digest;            /* dead letters: this one alone; null: all */
  const tally_filter* filters; /* all must hold */
  size_t filter_count;
  const tally_str* group_by; /* statistics: resource_id, project_id, user_id, source, meter, metadata.<key> */
  size_t group_by_count;
} tally_query;

/* One value of a row. */
enum { TALLY_CELL_NULL = 0, TALLY_CELL_TEXT = 1, TALLY_CELL_NUMBER = 2, TALLY_CELL_JSON = 3 };
typedef struct tally_cell {
  tally_str name;
  int32_t kind;
  uint32_t reserved;
  tally_str value; /* NUMBER: exact decimal; JSON: any JSON text; of TEXT `body` alone may be no UTF-8 */
} tally_cell;

/* Takes the answer row by row. Anything but TALLY_OK ends the query (the reader has enough). */
typedef struct tally_rows {
  size_t size;
  void* context;
  int32_t (*row)(void* context, const tally_cell* cells, size_t count);
} tally_rows;

enum { TALLY_PREPARE_CHECK = 1, TALLY_PREPARE_INIT = 2, TALLY_PREPARE_UPGRADE = 3 };

typedef struct tally_storage_table {
  size_t size;
  tally_create create; /* needs no server: connects at the first call */
  tally_destroy destroy;
  /* Checks the store (reachable, schema of this version, intact), makes it, or brings it to this version; `report`
   * takes lines for the person who asked. */
  int32_t (*prepare)(void* instance, int32_t how, const tally_rows* report, tally_error* error);
  int32_t (*write)(void* instance, const tally_batch* batch, tally_error* error);
  int32_t (*query)(void* instance, const tally_query* query, const tally_rows* rows, tally_error* error);
  /* Removes dead letters: the given digests, or all with count 0. `removed` is set. */
  int32_t (*purge_dead_letters)(void* instance, const tally_str* digests, size_t count, uint64_t* removed,
                                tally_error* error);
  /* Removes samples measured before `before_us`, of meters that match `meter` (null: all). `removed` is set. */
  int32_t (*expire)(void* instance, int64_t before_us, tally_str meter, uint64_t* removed, tally_error* error);
} tally_storage_table;

#ifdef __cplusplus
}
#endif

#endif
