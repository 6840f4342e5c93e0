/* Role "transport": brings messages from a bus, gives back what became of each, and publishes with confirmation.
 *
 * All calls to one instance come from one thread, but `wake`. A delivery is (lane, generation, tag): a lane is a
 * channel or a partition, a generation ends when the lane is lost, a tag grows within it. Settling a delivery of an
 * ended generation is not an error: the bus gives that message again. Matches the host's minor version exactly. */
#ifndef TALLY_ABI_TRANSPORT_H
#define TALLY_ABI_TRANSPORT_H

#include <tally/abi/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tally_delivery {
  uint64_t lane;
  uint64_t generation;
  uint64_t tag;
} tally_delivery;

typedef struct tally_message {
  size_t size;
  tally_delivery delivery;
  tally_str body;       /* bytes as they came */
  tally_str topic;      /* queue or topic it came from; null where the bus has none */
  uint32_t redelivered; /* 0 or 1: the bus says that it gave this message before */
  uint32_t reserved;    /* zero */
} tally_message;

/* A queue (topic, subscription) as it stands. */
typedef struct tally_queue {
  size_t size;
  tally_str name;
  tally_str state;    /* a word: "present", "absent", "removed", "in use" */
  tally_str warning;  /* for a person, with the way out; null: none */
  uint64_t messages;  /* that wait; UINT64_MAX: not known */
  uint64_t consumers; /* UINT64_MAX: not known */
  uint32_t ours;      /* 0 or 1: made by Tally, and to be removed when it leaves */
  uint32_t reserved;  /* zero */
} tally_queue;

/* What `service` tells. Called during `service`, on its thread. */
typedef struct tally_transport_events {
  size_t size;
  void* context;
  void (*message)(void* context, const tally_message* message);
  /* All deliveries of the lane up to this generation are void: the bus will give them again. */
  void (*lane_lost)(void* context, uint64_t lane, uint64_t generation);
  /* The lane is to be given up (a partition revoked): settle what can be settled within this time. */
  void (*lane_closing)(void* context, uint64_t lane, uint64_t generation, int64_t deadline_ms);
  /* A total that this instance has counted since it was made, for the host's metrics: "refused", "damaged".
   * `what` is in small letters, digits and underscores, at most 64; told again whenever it has grown. */
  void (*counted)(void* context, tally_str what, uint64_t total);
  /* How a queue that this instance consumes stands, for the host's metrics; told again at each look. One
   * whose state is not "present" is forgotten, and all of them are when the bus goes away. */
  void (*queue)(void* context, const tally_queue* queue);
} tally_transport_events;

enum {
  TALLY_ACKNOWLEDGE = 1, /* done: never again */
  TALLY_REQUEUE = 2      /* back to the bus: the host gives up its hold */
};

typedef struct tally_settlement {
  tally_delivery delivery;
  int32_t action;
  uint32_t reserved; /* zero */
} tally_settlement;

typedef struct tally_header {
  tally_str name;
  tally_str value;
} tally_header;

typedef struct tally_outgoing {
  size_t size;
  tally_str topic; /* "notifications.info", "notifications.sample" */
  tally_str key;   /* keeps messages of one key in order where the bus can; null: any */
  tally_str body;
  const tally_header* headers; /* about the body; a bus that has no place for them leaves them out */
  size_t header_count;
} tally_outgoing;

/* Takes queues, during the call, on its thread. */
typedef struct tally_queues {
  size_t size;
  void* context;
  void (*queue)(void* context, const tally_queue* queue);
} tally_queues;

/* A queue (partition) whose reader is set back. */
typedef struct tally_rewound {
  size_t size;
  tally_str name;
  tally_str state;   /* a word: "rewound", "would rewind" (a dry run), "unchanged", "absent" */
  tally_str warning; /* for a person, with the way out; null: none */
  int64_t from;      /* the place that was read next before; -1: none was known */
  int64_t to;        /* and that is from now on, never a later one; -1: not known */
  uint64_t messages; /* that come again; UINT64_MAX: not known */
} tally_rewound;

/* Takes them, during the call, on its thread. */
typedef struct tally_rewinds {
  size_t size;
  void* context;
  void (*rewound)(void* context, const tally_rewound* rewound);
} tally_rewinds;

typedef struct tally_transport_table {
  size_t size;
  tally_create create;
  tally_destroy destroy;
  /* Begins to consume; may succeed while the bus is away: `service` connects. `prefetch`: most unsettled deliveries. */
  int32_t (*consume)(void* instance, uint32_t prefetch, tally_error* error);
  /* Waits up to `timeout_ms` for something to happen, keeps the connection alive, hands over at most `max_messages` and
   * returns: what it handed over may not be worked on before. Called at least once a second, with 0 messages while the
   * host is full. TALLY_TRANSIENT: the bus is away; the plugin keeps its own growing pauses and is serviced on.
   * TALLY_UNCLAIMED, with a text: nothing is wrong and nothing is consumed yet, since the bus has not answered so far
   * or what is to be consumed is not there. TALLY_PERMANENT: the bus answers, but refuses a part of what is configured;
   * the rest goes on. The program is not ready meanwhile. TALLY_OK is a promise: all that can be consumed is. */
  int32_t (*service)(void* instance, uint32_t max_messages, uint32_t timeout_ms, const tally_transport_events* events,
                     tally_error* error);
  /* Any order. The transport may combine neighbours to ranges. */
  int32_t (*settle)(void* instance, const tally_settlement* settlements, size_t count, tally_error* error);
  /* Sends, and returns when the bus has confirmed or refused each, at the latest after `timeout_ms`; of none (`count`
   * 0) it only finds out whether the bus takes messages, TALLY_TRANSIENT where it does not. `results`: one class a
   * message; TALLY_TRANSIENT where it is not known: send it again, ids make that safe. Returns TALLY_OK when the
   * results are filled in. */
  int32_t (*publish)(void* instance, const tally_outgoing* messages, size_t count, size_t message_size,
                     uint32_t timeout_ms, int32_t* results, tally_error* error);
  /* Ends a `service` that waits. Any thread. */
  void (*wake)(void* instance);
  /* Stops taking messages; what was delivered may still be settled. `destroy` ends the connection. */
  int32_t (*stop)(void* instance, tally_error* error);
  /* Optional, of an instance that does not consume, within `timeout_ms`: tells each queue that this
   * configuration consumes or has made. TALLY_ABSENT: this bus cannot tell. */
  int32_t (*inspect)(void* instance, uint32_t timeout_ms, const tally_queues* queues, tally_error* error);
  /* Optional, as `inspect`: removes the queues that are ours and that nobody consumes, with what waits in
   * them, and tells what became of each. */
  int32_t (*unsubscribe)(void* instance, uint32_t timeout_ms, const tally_queues* queues, tally_error* error);
  /* Optional, of an instance that does not consume, within `timeout_ms`: what the bus took at `time_us` or
   * later (microseconds since 1970, UTC) is delivered again, though it was acknowledged; nothing is skipped that was
   * not. `dry_run`, 0 or 1: only tells what would become of each queue. While anybody consumes, and where the bus keeps
   * nothing that was acknowledged: TALLY_PERMANENT, nothing is changed, and the text says what can be done. */
  int32_t (*rewind)(void* instance, int64_t time_us, uint32_t dry_run, uint32_t timeout_ms,
                    const tally_rewinds* rewinds, tally_error* error);
} tally_transport_table;

#ifdef __cplusplus
}
#endif

#endif
