// What one definition asks for, read and checked; and the requests that several of them share.
// Not for reading YAML: load.h; nor for making samples: samples.h.
#ifndef TALLY_OPENSTACK_DEFINITION_H
#define TALLY_OPENSTACK_DEFINITION_H

#include <tally/model/sample.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attribute.h"

namespace tally::openstack {

// What is asked of a service. Definitions with equal ones share the answer.
struct Request {
  std::string service;  // as the catalog types it
  std::string path;     // below the endpoint, with its query
  bool head = false;    // the answer's headers are its one entry
  bool per_project = false;
  std::vector<std::string> headers;     // "Name: value"
  std::chrono::milliseconds timeout{};  // zero: the plugin's
  std::optional<Attribute> entries;     // none: the first key's value
  std::optional<Attribute> next;        // where the next page is

  // Equal for requests that are the same.
  std::string key() const;
};

// "a.b.{attribute}": a list in each entry, of which each item is a sample named by its own attribute.
struct Several {
  std::string name;       // "a.b."
  std::string attribute;  // whose value ends the name
  Attribute list;         // where the items are
};

struct Definition {
  std::string place;  // "volume.yaml:12", for messages
  std::string name;
  SampleType type = SampleType::gauge;
  std::string unit;
  std::optional<Several> several;
  Attribute value;
  std::optional<Attribute> resource, project, user;         // none: "id", "project_id", "user_id", where they are
  std::vector<std::pair<std::string, Attribute>> metadata;  // under its final name
  std::vector<Value> skip;
  std::vector<std::pair<Value, Value>> mapping;
  Value otherwise;  // for what is not in the mapping
};

// One request and who reads its answer.
struct Group {
  Request request;
  std::vector<Definition> definitions;

  // "volume.size, volume.count", for messages.
  std::string names() const;
};

}  // namespace tally::openstack

#endif
