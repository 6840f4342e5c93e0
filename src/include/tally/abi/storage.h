/* Role "storage": keeps samples, dead letters and the books; answers queries.
 *
 * Records of the kind "store": "id" has 32 hexadecimal digits that name this store, drawn when it is made (or when an
 * upgrade brings records), and again by whoever acknowledges that a part of it was lost.
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
  /* Which batch this is. `writer`: 32 hexadecimal digits that each writing process draws for itself; null
   * where nobody will repeat the batch. `sequence` grows from batch to batch of a writer, and is the same again when
   * one is repeated. In the batch's transaction the driver keeps each writer's last sequence and the statuses of its
   * rows. Where the pair comes again it changes nothing: it calls `conclude` with the statuses that it kept (reasons
   * may be null), drops what that fills in, and returns TALLY_OK. So a batch whose answer was lost is in the books
   * once. Of writers that wrote last longest ago all but 100 may be forgotten. */
  tally_str writer;
  uint64_t sequence;
  /* May be null. Where `writer` is set, a driver that offers `last_batch` calls it once per attempt, inside
   * the transaction and before `conclude`, with the last sequence that the store had of this writer until now; 0: it
   * knows no such writer. By this the host learns of batches that were answered with TALLY_OK and are gone, as after a
   * standby was promoted that lagged. The batch is written all the same. */
  void (*found)(void* context, uint64_t last);
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

/* A small text by (kind, key), kept beside the samples. Bytes of kind and key are compared as they are. */
typedef struct tally_record {
  size_t size;
  tally_str kind;   /* what it is: "store", "loss", "period" …; 1 to 64 bytes */
  tally_str key;    /* 1 to 512 bytes */
  tally_str value;  /* at most 1 MiB; like the others UTF-8 without NUL */
  uint64_t version; /* that must be there for a put; 0: there must be none. Each put adds one. */
} tally_record;

/* What the store remembers of one writer. */
typedef struct tally_writer {
  size_t size;
  uint64_t last;    /* the sequence of its last batch; 0: it knows no such writer */
  int64_t last_us;  /* when that was written, by the store's clock; TALLY_NO_TIME with 0 */
  int64_t since_us; /* writers that wrote last before this may be forgotten; TALLY_NO_TIME: none was forgotten yet */
} tally_writer;

enum { TALLY_PREPARE_CHECK = 1, TALLY_PREPARE_INIT = 2, TALLY_PREPARE_UPGRADE = 3 };

typedef struct tally_storage_table {
  size_t size;
  tally_create create; /* needs no server: connects at the first call */
  tally_destroy destroy;
  /* Checks the store (reachable, schema of this version, intact), makes it, or brings it to this version; `report`
   * takes lines for the person who asked. */
  int32_t (*prepare)(void* instance, int32_t how, const tally_rows* report, tally_error* error);
  /* TALLY_PERMANENT: this batch will never be written, though others may be: the host splits it until the message that
   * is at fault stands alone, and that one becomes a dead letter. A store that is unfit for any batch (away, full,
   * damaged, read-only) answers TALLY_TRANSIENT, and the host waits. */
  int32_t (*write)(void* instance, const tally_batch* batch, tally_error* error);
  int32_t (*query)(void* instance, const tally_query* query, const tally_rows* rows, tally_error* error);
  /* Removes dead letters: the given digests, or all with count 0. `removed` is set. */
  int32_t (*purge_dead_letters)(void* instance, const tally_str* digests, size_t count, uint64_t* removed,
                                tally_error* error);
  /* Removes samples measured before `before_us`, of meters that match `meter` (null: all). `removed` is set. */
  int32_t (*expire)(void* instance, int64_t before_us, tally_str meter, uint64_t* removed, tally_error* error);

  /* What follows is one group: all null where the driver does not offer it. */

  /* Puts all of them in one transaction, or none: then `refused` is the first one's index whose version was not there,
   * else `count`. */
  int32_t (*put_records)(void* instance, const tally_record* records, size_t count, size_t* refused,
                         tally_error* error);
  /* The records of a kind whose keys begin with `prefix` (null: all), by the bytes of their keys: columns key, version,
   * value. */
  int32_t (*list_records)(void* instance, tally_str kind, tally_str prefix, const tally_rows* rows, tally_error* error);
  /* What is remembered of this writer. `found` is set. */
  int32_t (*last_batch)(void* instance, tally_str writer, tally_writer* found, tally_error* error);
} tally_storage_table;

#ifdef __cplusplus
}
#endif

#endif
