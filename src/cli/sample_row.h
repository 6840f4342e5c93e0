// A sample as a row of cells: the keys of every output, in their order.
// Not for reading samples back: wire/sample_json.h.
#ifndef TALLY_CLI_SAMPLE_ROW_H
#define TALLY_CLI_SAMPLE_ROW_H

#include <tally/model/sample.h>

#include <cstdio>
#include <string>
#include <vector>

#include "cli/output.h"

namespace tally::cli {

// What a table shows of a sample.
inline std::vector<std::string> sample_columns() {
  return {"timestamp", "name", "type", "volume", "unit", "resource_id", "project_id", "user_id"};
}

inline void print_sample(const SampleView& sample, Output& output) {
  RowBuilder row;
  row.text("id", sample.id)
      .text("name", sample.name)
      .text("type", to_string(sample.type))
      .text("unit", sample.unit)
      .number("volume", std::string_view(sample.volume.to_string()))
      .text("resource_id", sample.resource_id)
      .text("project_id", sample.project_id)
      .text("project_name", sample.project_name)
      .text("user_id", sample.user_id)
      .text("user_name", sample.user_name);
  sample.timestamp ? row.text("timestamp", sample.timestamp->to_string()) : row.null("timestamp");
  row.json("resource_metadata", sample.resource_metadata.empty() ? "{}" : sample.resource_metadata)
      .text("source", sample.source);
  if (sample.monotonic_time) {
    char digits[340];  // the largest double has 309 digits before its point
    std::snprintf(digits, sizeof digits, "%.9f", *sample.monotonic_time);
    row.number("monotonic_time", std::string_view(digits));
  } else {
    row.null("monotonic_time");
  }
  row.emit(output);
}

}  // namespace tally::cli

#endif
