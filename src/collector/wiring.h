// Makes the collector's options out of a configuration and the plugins there are.
// Not for running: that is Collector; used by tally-collector, `tally run`, `tally convert` and `tally dead-letter`.
#ifndef TALLY_COLLECTOR_WIRING_H
#define TALLY_COLLECTOR_WIRING_H

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "collector/collector.h"
#include "collector/pipeline.h"
#include "config/config.h"
#include "plugin/catalog/catalog.h"
#include "plugin/catalog/double_counting.h"
#include "plugin/roles.h"
#include "plugin/supervise/guard.h"

namespace tally::collector {

// A pipeline with instances of all notification handlers that are on; claims of those that are refused or failed are
// parked. A handler that cannot be made is parked too, and said so in its catalog entry. What two handlers would count
// twice, and what no entry of `disable.definitions` matches, is logged.
absl::StatusOr<Pipeline> make_pipeline(plugin::Catalog& catalog, const config::Config& config);

// Makes such pipelines one after the other: what failed in one is failed in the next. `catalog` outlives it; one
// thread.
std::function<absl::StatusOr<Pipeline>()> pipeline_maker(plugin::Catalog& catalog, const config::Config& config);

// What the notification handlers that are on make, and what would be counted twice. Loads them.
plugin::Survey survey_handlers(plugin::Catalog& catalog, const config::Config& config);

// The storage driver of config.storage, not prepared yet.
absl::StatusOr<std::unique_ptr<plugin::StorageDriver>> make_store(plugin::Catalog& catalog,
                                                                  const config::Config& config);

// `catalog` is shared with the factories in the result, and from then on theirs: others may read its pollsters and
// discoveries, no more. For a reload scan and wire again. `hangs`, of the whole process, may be null.
CollectorOptions wire(std::shared_ptr<plugin::Catalog> catalog, const config::Config& config,
                      std::shared_ptr<plugin::HangCounter> hangs = nullptr);

}  // namespace tally::collector

#endif
