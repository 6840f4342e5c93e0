// Writes the resource_metadata of samples, once a message for all definitions that share it.
// Not for the other attributes: sample.h.
#ifndef TALLY_METERS_DEFINITIONS_METADATA_H
#define TALLY_METERS_DEFINITIONS_METADATA_H

#include <cstdint>
#include <string>
#include <vector>

#include "definitions/program.h"
#include "values/message.h"

namespace meters {

class MetadataWriter {
 public:
  MetadataWriter(const Program& program, Reserved reserved);

  // A JSON object; valid until the next message.
  const std::string& text(std::uint32_t number, Message& message);

 private:
  struct Cached {
    std::uint64_t round = 0;
    std::string text;
    std::vector<std::string> keys;  // quoted, between comma and colon
  };

  void write(const Metadata& metadata, Cached& cached, Message& message);
  void write_user(const Node& map, const std::vector<const std::string*>& present, std::string& out) const;
  void write_payload(Message& message, std::string& out) const;

  const Program& program_;
  Reserved reserved_;
  std::vector<Cached> cached_;
  std::vector<const std::string*> present_;  // of the metadata being written
};

}  // namespace meters

#endif
