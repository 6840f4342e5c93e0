// Makes the samples that a definition wants of one entry of an answer.
// Not for getting the answer: cycle.h.
#ifndef TALLY_OPENSTACK_SAMPLES_H
#define TALLY_OPENSTACK_SAMPLES_H

#include <tally/model/sample.h>
#include <tally/sdk/json.h>

#include <functional>
#include <string>

#include "definition.h"

namespace tally::openstack {

using SampleSink = std::function<void(const Sample&)>;

// The id of the resource that an entry is about. Throws NoValue where there is none.
std::string resource_of(const Definition& definition, const Json& entry);

// A null value is no sample, nor one that is to be skipped. Throws NoValue where one cannot be made; what was made
// before stays.
void make_samples(const Definition& definition, const Json& entry, const std::string& resource, const SampleSink& sink);

}  // namespace tally::openstack

#endif
