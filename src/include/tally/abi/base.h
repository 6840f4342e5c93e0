/* What every role of plugin shares with its host: the entry symbol, strings, errors, configuration.
 *
 * Rules of the boundary. Every struct begins with its own size in bytes, as its writer knew it, and only ever grows at
 * its end; read a member only when `size` covers it. Text is UTF-8 with a length and no terminator; a null `data` is
 * "no value". What a call is given lives until the call returns, unless said otherwise. No exception crosses; errors
 * are a class returned and a text written into the caller's buffer. C11 and C++20. */
#ifndef TALLY_ABI_BASE_H
#define TALLY_ABI_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A host refuses a plugin of another major, and one that needs a higher minor than the host's. */
#define TALLY_ABI_MAJOR 1
#define TALLY_ABI_MINOR 0

/* The one symbol that a plugin exports; its name carries the major version. */
#define TALLY_ENTRY_SYMBOL "tally_plugin_v1"
/* The ELF note that holds the manifest: this owner name, this type, the manifest as JSON text. A note of type 1 was
 * written by headers that were never released; such a plugin must be built again. */
#define TALLY_NOTE_OWNER "Tally"
#define TALLY_NOTE_TYPE 2

typedef struct tally_str {
  const char* data;
  size_t size;
} tally_str;

/* The class of a result. Fixed numbers, returned as int32_t. */
enum {
  TALLY_OK = 0,
  TALLY_ABSENT = 1,    /* what the plugin measures is not here: it is turned off, and looked at again slowly */
  TALLY_TRANSIENT = 2, /* may succeed later: the host tries again */
  TALLY_PERMANENT = 3, /* will never succeed for this input: the host does not try again */
  TALLY_UNCLAIMED = 4  /* handle() only: this message is none of the handler's, after all */
};

/* Where a failing call says why. The caller owns `text`; write at most `capacity` bytes and set `length`. */
typedef struct tally_error {
  size_t size;
  char* text;
  size_t capacity;
  size_t length;
} tally_error;

/* One configuration key. The host gives every key that the manifest declares, in the manifest's order, with its default
 * where nothing is set; without either, a null value. The value is text in one canonical form: boolean "true"/"false";
 * integer in decimal; duration in seconds ("0.5"); bytes as a count; list as a JSON array of strings. */
typedef struct tally_option {
  tally_str key;
  tally_str value;
} tally_option;

typedef struct tally_config {
  size_t size;
  const tally_option* options;
  size_t option_count;
  tally_str url;  /* transport and storage: the URL configured, passwords included; else null */
  tally_str host; /* the host's name, as in `resource_id` of what is measured on it */
  /* From minor 5 on: the names of definitions (tally_definition) that are disabled, `*` for any run of characters. */
  const tally_str* disabled;
  size_t disabled_count;
} tally_config;

enum { TALLY_LOG_DEBUG = 0, TALLY_LOG_INFO = 1, TALLY_LOG_WARNING = 2, TALLY_LOG_ERROR = 3 };

/* What the host offers. Lives as long as the process. */
typedef struct tally_host {
  size_t size;
  uint32_t abi_minor; /* the host's */
  uint32_t reserved;  /* zero */
  /* Any thread. For what an operator must do something about, or for debugging: never once per call. */
  void (*log)(int32_t level, tally_str text);
} tally_host;

enum {
  TALLY_ROLE_NOTIFICATION = 1,
  TALLY_ROLE_POLLSTER = 2,
  TALLY_ROLE_DISCOVERY = 3,
  TALLY_ROLE_STORAGE = 4,
  TALLY_ROLE_TRANSPORT = 5
};

/* One role that the plugin offers, in the order of the manifest's "roles". */
typedef struct tally_role {
  int32_t role;
  uint32_t reserved; /* zero */
  const void* table; /* the role's table, tally_<role>_table; begins with its size */
} tally_role;

typedef struct tally_plugin {
  size_t size;
  uint32_t abi_major;
  uint32_t abi_minor; /* the lowest minor of a host that this plugin works with */
  tally_str manifest; /* the same text as in the note */
  const tally_role* roles;
  size_t role_count;
} tally_plugin;

/* The entry symbol's type. Called once, before anything else; null means refused, with the reason in `error`.
 * What is returned lives as long as the process. */
typedef const tally_plugin* (*tally_entry)(const tally_host* host, tally_error* error);

/* Every role's instances: made by `create`, ended by `destroy`, never called by two threads at once. */
typedef int32_t (*tally_create)(const tally_config* config, void** instance, tally_error* error);
typedef void (*tally_destroy)(void* instance);

#ifdef __cplusplus
}
#endif

#endif
