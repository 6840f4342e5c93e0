// The layout of every struct that crosses the boundary, as committed, on 64-bit systems.
// Not to be edited for a change of what stands here: a struct only grows at its end, with a new TALLY_ABI_MINOR, and a
// line here.
#include <tally/abi/notification.h>
#include <tally/abi/pollster.h>
#include <tally/abi/storage.h>
#include <tally/abi/transport.h>

#include <cstddef>

static_assert(TALLY_ABI_MAJOR == 1 && TALLY_ABI_MINOR == 0, "this table is that of ABI 1.0");

#define SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type " has another size than in ABI 1.0")
#define AT(type, member, bytes) \
  static_assert(offsetof(type, member) == (bytes), #type "." #member " moved since ABI 1.0")

SIZE(tally_str, 16);
AT(tally_str, data, 0);
AT(tally_str, size, 8);

SIZE(tally_error, 32);
AT(tally_error, size, 0);
AT(tally_error, text, 8);
AT(tally_error, capacity, 16);
AT(tally_error, length, 24);

SIZE(tally_option, 32);
AT(tally_option, key, 0);
AT(tally_option, value, 16);

SIZE(tally_config, 56);
AT(tally_config, size, 0);
AT(tally_config, options, 8);
AT(tally_config, option_count, 16);
AT(tally_config, url, 24);
AT(tally_config, host, 40);

SIZE(tally_host, 24);
AT(tally_host, size, 0);
AT(tally_host, abi_minor, 8);
AT(tally_host, reserved, 12);
AT(tally_host, log, 16);

SIZE(tally_role, 16);
AT(tally_role, role, 0);
AT(tally_role, reserved, 4);
AT(tally_role, table, 8);

SIZE(tally_plugin, 48);
AT(tally_plugin, size, 0);
AT(tally_plugin, abi_major, 8);
AT(tally_plugin, abi_minor, 12);
AT(tally_plugin, manifest, 16);
AT(tally_plugin, roles, 32);
AT(tally_plugin, role_count, 40);

SIZE(tally_sample, 208);
AT(tally_sample, size, 0);
AT(tally_sample, type, 8);
AT(tally_sample, has_monotonic_time, 12);
AT(tally_sample, monotonic_time, 16);
AT(tally_sample, timestamp_us, 24);
AT(tally_sample, name, 32);
AT(tally_sample, unit, 48);
AT(tally_sample, volume, 64);
AT(tally_sample, resource_id, 80);
AT(tally_sample, project_id, 96);
AT(tally_sample, project_name, 112);
AT(tally_sample, user_id, 128);
AT(tally_sample, user_name, 144);
AT(tally_sample, resource_metadata, 160);
AT(tally_sample, source, 176);
AT(tally_sample, id, 192);

SIZE(tally_emitter, 24);
AT(tally_emitter, size, 0);
AT(tally_emitter, context, 8);
AT(tally_emitter, sample, 16);

SIZE(tally_notification, 136);
AT(tally_notification, size, 0);
AT(tally_notification, timestamp_us, 8);
AT(tally_notification, received_us, 16);
AT(tally_notification, message_id, 24);
AT(tally_notification, event_type, 40);
AT(tally_notification, publisher_id, 56);
AT(tally_notification, priority, 72);
AT(tally_notification, timestamp, 88);
AT(tally_notification, payload, 104);
AT(tally_notification, context, 120);

SIZE(tally_claims, 24);
AT(tally_claims, size, 0);
AT(tally_claims, context, 8);
AT(tally_claims, event_type, 16);

SIZE(tally_notification_table, 40);
AT(tally_notification_table, size, 0);
AT(tally_notification_table, create, 8);
AT(tally_notification_table, destroy, 16);
AT(tally_notification_table, handle, 24);
AT(tally_notification_table, claims, 32);

SIZE(tally_resource, 104);
AT(tally_resource, size, 0);
AT(tally_resource, id, 8);
AT(tally_resource, project_id, 24);
AT(tally_resource, project_name, 40);
AT(tally_resource, user_id, 56);
AT(tally_resource, user_name, 72);
AT(tally_resource, attributes, 88);

SIZE(tally_resource_faults, 24);
AT(tally_resource_faults, size, 0);
AT(tally_resource_faults, context, 8);
AT(tally_resource_faults, fault, 16);

SIZE(tally_poll, 56);
AT(tally_poll, size, 0);
AT(tally_poll, time_us, 8);
AT(tally_poll, monotonic_ns, 16);
AT(tally_poll, resources, 24);
AT(tally_poll, resource_count, 32);
AT(tally_poll, resource_size, 40);
AT(tally_poll, faults, 48);

SIZE(tally_pollster_table, 32);
AT(tally_pollster_table, size, 0);
AT(tally_pollster_table, create, 8);
AT(tally_pollster_table, destroy, 16);
AT(tally_pollster_table, poll, 24);

SIZE(tally_found, 24);
AT(tally_found, size, 0);
AT(tally_found, context, 8);
AT(tally_found, resource, 16);

SIZE(tally_discovery_table, 32);
AT(tally_discovery_table, size, 0);
AT(tally_discovery_table, create, 8);
AT(tally_discovery_table, destroy, 16);
AT(tally_discovery_table, discover, 24);

SIZE(tally_row, 24);
AT(tally_row, size, 0);
AT(tally_row, sample, 8);
AT(tally_row, received_us, 16);

SIZE(tally_row_result, 24);
AT(tally_row_result, status, 0);
AT(tally_row_result, reserved, 4);
AT(tally_row_result, reason, 8);

SIZE(tally_dead_letter, 160);
AT(tally_dead_letter, size, 0);
AT(tally_dead_letter, digest, 8);
AT(tally_dead_letter, kind, 24);
AT(tally_dead_letter, reason, 40);
AT(tally_dead_letter, detail, 56);
AT(tally_dead_letter, bus, 72);
AT(tally_dead_letter, event_type, 88);
AT(tally_dead_letter, message_id, 104);
AT(tally_dead_letter, handler, 120);
AT(tally_dead_letter, body, 136);
AT(tally_dead_letter, received_us, 152);

SIZE(tally_book_entry, 72);
AT(tally_book_entry, size, 0);
AT(tally_book_entry, day, 8);
AT(tally_book_entry, bus, 16);
AT(tally_book_entry, unit, 32);
AT(tally_book_entry, outcome, 48);
AT(tally_book_entry, count, 64);

SIZE(tally_conclusion, 56);
AT(tally_conclusion, size, 0);
AT(tally_conclusion, dead_letters, 8);
AT(tally_conclusion, dead_letter_count, 16);
AT(tally_conclusion, entries, 24);
AT(tally_conclusion, entry_count, 32);
AT(tally_conclusion, settled_dead_letters, 40);
AT(tally_conclusion, settled_dead_letter_count, 48);

SIZE(tally_batch, 40);
AT(tally_batch, size, 0);
AT(tally_batch, rows, 8);
AT(tally_batch, row_count, 16);
AT(tally_batch, context, 24);
AT(tally_batch, conclude, 32);

SIZE(tally_filter, 32);
AT(tally_filter, field, 0);
AT(tally_filter, value, 16);

SIZE(tally_query, 120);
AT(tally_query, size, 0);
AT(tally_query, kind, 8);
AT(tally_query, descending, 12);
AT(tally_query, start_us, 16);
AT(tally_query, end_us, 24);
AT(tally_query, as_of, 32);
AT(tally_query, period_us, 40);
AT(tally_query, limit, 48);
AT(tally_query, meter, 56);
AT(tally_query, digest, 72);
AT(tally_query, filters, 88);
AT(tally_query, filter_count, 96);
AT(tally_query, group_by, 104);
AT(tally_query, group_by_count, 112);

SIZE(tally_cell, 40);
AT(tally_cell, name, 0);
AT(tally_cell, kind, 16);
AT(tally_cell, reserved, 20);
AT(tally_cell, value, 24);

SIZE(tally_rows, 24);
AT(tally_rows, size, 0);
AT(tally_rows, context, 8);
AT(tally_rows, row, 16);

SIZE(tally_storage_table, 64);
AT(tally_storage_table, size, 0);
AT(tally_storage_table, create, 8);
AT(tally_storage_table, destroy, 16);
AT(tally_storage_table, prepare, 24);
AT(tally_storage_table, write, 32);
AT(tally_storage_table, query, 40);
AT(tally_storage_table, purge_dead_letters, 48);
AT(tally_storage_table, expire, 56);

SIZE(tally_delivery, 24);
AT(tally_delivery, lane, 0);
AT(tally_delivery, generation, 8);
AT(tally_delivery, tag, 16);

SIZE(tally_message, 72);
AT(tally_message, size, 0);
AT(tally_message, delivery, 8);
AT(tally_message, body, 32);
AT(tally_message, topic, 48);
AT(tally_message, redelivered, 64);
AT(tally_message, reserved, 68);

SIZE(tally_transport_events, 40);
AT(tally_transport_events, size, 0);
AT(tally_transport_events, context, 8);
AT(tally_transport_events, message, 16);
AT(tally_transport_events, lane_lost, 24);
AT(tally_transport_events, lane_closing, 32);

SIZE(tally_settlement, 32);
AT(tally_settlement, delivery, 0);
AT(tally_settlement, action, 24);
AT(tally_settlement, reserved, 28);

SIZE(tally_outgoing, 56);
AT(tally_outgoing, size, 0);
AT(tally_outgoing, topic, 8);
AT(tally_outgoing, key, 24);
AT(tally_outgoing, body, 40);

SIZE(tally_transport_table, 72);
AT(tally_transport_table, size, 0);
AT(tally_transport_table, create, 8);
AT(tally_transport_table, destroy, 16);
AT(tally_transport_table, consume, 24);
AT(tally_transport_table, service, 32);
AT(tally_transport_table, settle, 40);
AT(tally_transport_table, publish, 48);
AT(tally_transport_table, wake, 56);
AT(tally_transport_table, stop, 64);
