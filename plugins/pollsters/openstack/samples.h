// Makes the samples that a definition wants of one entry of an answer.
// Not for getting the answer: cycle.h.
#ifndef TALLY_OPENSTACK_SAMPLES_H
#define TALLY_OPENSTACK_SAMPLES_H

#include <tally/kit/json.h>
#include <tally/model/sample.h>

#include <functional>
#include <string>

#include "definition.h"

namespace tally::openstack {

using SampleSink = std::function<void(const Sample&)>;

// Told of each thing that could not be made, and why.
struct LeftOut {
  std::function<void(const std::string& why)> sample;
  std::function<void(const std::string& why)> metadata;  // one member, of a sample that is made without
};

// The id of the resource that an entry is about. Throws NoValue where there is none.
std::string resource_of(const Definition& definition, const Json& entry);

// A null value is not a sample, nor one that is to be skipped. One that cannot be made costs no other.
void make_samples(const Definition& definition, const Json& entry, const std::string& resource, const SampleSink& sink,
                  const LeftOut& left_out);

}  // namespace tally::openstack

#endif
