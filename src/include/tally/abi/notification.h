/* Role "notification": makes samples out of messages that services announce. */
#ifndef TALLY_ABI_NOTIFICATION_H
#define TALLY_ABI_NOTIFICATION_H

#include <tally/abi/sample.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tally_notification {
  size_t size;
  int64_t timestamp_us; /* the message's own time, or TALLY_NO_TIME where it has none that can be read */
  int64_t received_us;  /* when it was taken from the bus */
  tally_str message_id; /* null where it has none */
  tally_str event_type;
  tally_str publisher_id; /* null where it has none */
  tally_str priority;     /* lower case: "info", "error", "sample"; null where unknown */
  tally_str timestamp;    /* the message's own time as written; null where it has none */
  tally_str payload;      /* JSON text of any type; "null" where it has none */
  tally_str context;      /* JSON object: the request context with the prefix `_context_` taken off its keys */
} tally_notification;

/* Takes an event type, or a pattern in which `*` stands for any run of characters. */
typedef struct tally_claims {
  size_t size;
  void* context;
  void (*event_type)(void* context, tally_str pattern);
} tally_claims;

/* What an instance makes of which messages, so that two that make the same are found. */
typedef struct tally_definition {
  size_t size;
  tally_str name;  /* by which it can be disabled: "volume.yaml:backup.size" */
  tally_str meter; /* null where it is known only from a message, like the next two */
  tally_str type;
  tally_str unit;
  const tally_str* event_types; /* as they are written */
  size_t event_type_count;
  const tally_str* examples; /* event types that it takes, one at least for each of the above where one can be told */
  size_t example_count;
  uint32_t disabled;
  uint32_t reserved; /* zero */
} tally_definition;

typedef struct tally_definitions {
  size_t size;
  void* context;
  void (*definition)(void* context, const tally_definition* definition);
} tally_definitions;

typedef struct tally_notification_table {
  size_t size;
  tally_create create;
  tally_destroy destroy;
  /* Emits the samples of one message. An error discards what was emitted in this call. */
  int32_t (*handle)(void* instance, const tally_notification* notification, const tally_emitter* emitter,
                    tally_error* error);
  /* Optional (null): the event types that this instance takes, instead of the manifest's. Asked after `create`. */
  int32_t (*claims)(void* instance, const tally_claims* claims, tally_error* error);
  /* Optional (null), from minor 5 on: what the instance makes, instead of the manifest's meters of its event types.
   * `event_type`: of these messages alone; null: all. Asked after `create`. */
  int32_t (*definitions)(void* instance, tally_str event_type, const tally_definitions* definitions,
                         tally_error* error);
} tally_notification_table;

#ifdef __cplusplus
}
#endif

#endif
