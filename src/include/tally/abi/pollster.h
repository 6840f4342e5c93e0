/* Roles "pollster" and "discovery": measure on a timer what nobody announces, and find what there is to measure. */
#ifndef TALLY_ABI_POLLSTER_H
#define TALLY_ABI_POLLSTER_H

#include <tally/abi/sample.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a discovery finds and a pollster measures: a VM, a volume, a host. */
typedef struct tally_resource {
  size_t size;
  tally_str id;         /* unique within its discovery, 1 to 1024 bytes */
  tally_str project_id; /* null where unknown, like the next three */
  tally_str project_name;
  tally_str user_id;
  tally_str user_name;
  tally_str attributes; /* a JSON object that the discovery and its pollsters agree on; null: {} */
} tally_resource;

/* How a pollster says that one resource failed while the others go on. TALLY_PERMANENT: it is not polled again by this
 * pollster until it is discovered again; TALLY_TRANSIENT: next cycle again; TALLY_ABSENT: it vanished, which is normal.
 */
typedef struct tally_resource_faults {
  size_t size;
  void* context;
  void (*fault)(void* context, tally_str resource_id, int32_t error_class, tally_str text);
} tally_resource_faults;

typedef struct tally_poll {
  size_t size;
  int64_t time_us;                 /* the cycle's time, UTC: the timestamp of every sample that names none */
  int64_t monotonic_ns;            /* CLOCK_MONOTONIC at the cycle's start */
  const tally_resource* resources; /* from the pollster's discovery; none where the manifest names no discovery */
  size_t resource_count;
  size_t resource_size; /* bytes from one resource to the next, as the host knows the struct */
  const tally_resource_faults* faults;
} tally_poll;

typedef struct tally_pollster_table {
  size_t size;
  tally_create create;
  tally_destroy destroy;
  /* Measures once. An error keeps what was emitted before it. */
  int32_t (*poll)(void* instance, const tally_poll* poll, const tally_emitter* emitter, tally_error* error);
} tally_pollster_table;

typedef struct tally_found {
  size_t size;
  void* context;
  int32_t (*resource)(void* context, const tally_resource* resource, tally_error* error);
} tally_found;

typedef struct tally_discovery_table {
  size_t size;
  tally_create create;
  tally_destroy destroy;
  /* Names every resource there is now; asked once a cycle, shared by all pollsters that name this discovery. */
  int32_t (*discover)(void* instance, const tally_found* found, tally_error* error);
} tally_discovery_table;

#ifdef __cplusplus
}
#endif

#endif
