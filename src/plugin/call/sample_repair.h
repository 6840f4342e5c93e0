// Makes a plugin's sample one that the host can take, as far as no number changes by it, and JSON of one that stays
// refused.
// Not for judging samples: c_values.h.
#ifndef TALLY_PLUGIN_CALL_SAMPLE_REPAIR_H
#define TALLY_PLUGIN_CALL_SAMPLE_REPAIR_H

#include <tally/abi/sample.h>

#include <deque>
#include <string>

namespace tally::plugin {

// Bytes that are not UTF-8: escaped in name, resource, project and user, U+FFFD in other texts. Metadata that is nearly
// JSON (base/json_repair.h) is made JSON. What is made of these is put into `kept`, where `sample` looks into then.
void repair_sample(tally_sample& sample, std::deque<std::string>& kept);

// All that there is of a sample, with Tally's keys; a volume that is not a number and metadata that is not an object
// are texts in it.
std::string json_of(const tally_sample& sample);

}  // namespace tally::plugin

#endif
