// Makes the samples of one message, definition by definition.
// Not for finding the definitions: handler.h.
#ifndef TALLY_PLUGINS_METERS_SAMPLE_H
#define TALLY_PLUGINS_METERS_SAMPLE_H

#include <tally/model/sample.h>
#include <tally/sdk/emitter.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "message.h"
#include "metadata.h"
#include "program.h"

namespace meters {

// A number that a service wrote as a text: as JSON has them, and " 1 ", "+1", "1.", ".5".
std::optional<tally::Decimal> number_in(std::string_view text, std::string* why);

class SampleMaker {
 public:
  SampleMaker(const Program& program, Reserved reserved) : program_(program), metadata_(program, std::move(reserved)) {}

  // Emits what `definition` makes of the message: none where that has no volume for it. Throws tally::Error::permanent
  // with the definition's place where it has one of which no sample can be made.
  void make(const Definition& definition, Message& message, tally::Emitter& emit);

 private:
  using Values = std::vector<const Node*>;

  void make_one(const Definition& definition, Message& message, tally::Emitter& emit);
  void make_many(const Definition& definition, Message& message, tally::Emitter& emit);
  // Fills sample_; false where it has no volume.
  bool fill(const Definition& definition, Arena& arena, const Node* name, const Node* type, const Node* unit,
            const Node* volume, const Node* timestamp, const Node* user, const Node* project, const Node* resource);
  bool column(const Definition& definition, const char* name, bool looked_up, std::size_t count, Values& values);
  void set_type(const Definition& definition, const Node* type);

  const Program& program_;
  MetadataWriter metadata_;
  tally::SampleView sample_;  // of the message's and the definition's texts
  std::unordered_set<const Definition*> told_;
};

}  // namespace meters

#endif
