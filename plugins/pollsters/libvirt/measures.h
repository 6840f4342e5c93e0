// Makes samples of one domain's facts and numbers, with Ceilometer's names, units, types and resources.
// Not for asking libvirt: hypervisor.h.
#ifndef TALLY_LIBVIRT_MEASURES_H
#define TALLY_LIBVIRT_MEASURES_H

#include <tally/model/sample.h>

#include <functional>

#include "domain_facts.h"
#include "domain_stats.h"

namespace tally::libvirt {

// Whether the domain is on its way from or to another host and is metered by that one: of the two that know it during
// a migration, the one where it runs.
bool elsewhere(const DomainStats& stats);

// `monotonic_s`: CLOCK_MONOTONIC when the numbers were read. Views in a sample live for the call of `emit`.
void measure_domain(const DomainFacts& facts, const DomainStats& stats, double monotonic_s,
                    const std::function<void(const SampleView&)>& emit);

}  // namespace tally::libvirt

#endif
