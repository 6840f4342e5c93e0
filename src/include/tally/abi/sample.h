/* One measurement as it crosses the boundary, and the `emit` by which results leave a plugin. */
#ifndef TALLY_ABI_SAMPLE_H
#define TALLY_ABI_SAMPLE_H

#include <tally/abi/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TALLY_GAUGE = 1, TALLY_DELTA = 2, TALLY_CUMULATIVE = 3 };

/* "No time given" in a count of microseconds since 1970-01-01T00:00:00 UTC. */
#define TALLY_NO_TIME INT64_MIN

typedef struct tally_sample {
  size_t size;
  int32_t type;                /* TALLY_GAUGE, TALLY_DELTA or TALLY_CUMULATIVE */
  uint32_t has_monotonic_time; /* 0 or 1 */
  double monotonic_time;       /* seconds of CLOCK_MONOTONIC at the measurement */
  int64_t timestamp_us;        /* the measurement's time; TALLY_NO_TIME: the host's (poll) or the message's */
  tally_str name;              /* the meter: 1 to 255 bytes */
  tally_str unit;              /* up to 255 bytes */
  tally_str volume;            /* an exact decimal, as JSON writes a number: "12", "-0.5", "1e3" */
  tally_str resource_id;       /* 1 to 1024 bytes */
  tally_str project_id;        /* null where unknown, like the next three */
  tally_str project_name;
  tally_str user_id;
  tally_str user_name;
  tally_str resource_metadata; /* a JSON object as text; null: {} */
  tally_str source;            /* null: the host's configured source ("openstack") */
  tally_str id;                /* null: derived by the host; else kept as it is (a sample made elsewhere) */
} tally_sample;

/* Takes results during the call that was given it, on that call's thread; later or elsewhere it answers
 * TALLY_PERMANENT. A value that the host cannot take is refused the same way, and nothing else is lost. In handle() the
 * refused sample becomes a dead letter of its own and the answer is TALLY_OK, so that it costs none of those after it.
 *
 * From minor 5 on, each of them null where the role does not offer it: */
typedef struct tally_emitter {
  size_t size;
  void* context;
  int32_t (*sample)(void* context, const tally_sample* sample, tally_error* error);
  /* A sample that the plugin itself cannot make, for `why`: a dead letter of its own. `sample` is what there is of it,
   * a JSON object with the keys of Tally's samples (name, type, unit, volume, resource_id, timestamp …). */
  int32_t (*refused)(void* context, tally_str sample, tally_str why, tally_error* error);
  /* A sample of a definition that the configuration disables (tally_config.disabled): counted, and not stored, so that
   * the ids of the others stay what they are. */
  int32_t (*withheld)(void* context, const tally_sample* sample, tally_error* error);
  /* `definition` makes no sample of this message because something is missing in it, which `why` names. Counted, and
   * logged once for each definition. */
  int32_t (*skipped)(void* context, tally_str definition, tally_str why, tally_error* error);
} tally_emitter;

#ifdef __cplusplus
}
#endif

#endif
