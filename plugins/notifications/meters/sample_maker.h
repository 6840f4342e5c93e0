// Makes the samples of one message, definition by definition.
// Not for finding the definitions: handler.h.
#ifndef TALLY_METERS_SAMPLE_MAKER_H
#define TALLY_METERS_SAMPLE_MAKER_H

#include <tally/model/sample.h>
#include <tally/sdk/emitter.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "definitions/metadata.h"
#include "definitions/program.h"
#include "values/message.h"

namespace meters {

// A number that a service wrote as a text: as JSON has them, and " 1 ", "+1", "1.", ".5".
std::optional<tally::Decimal> number_in(std::string_view text, std::string* why);

class SampleMaker {
 public:
  SampleMaker(const Program& program, Reserved reserved) : program_(program), metadata_(program, std::move(reserved)) {}

  // Emits what `definition` makes of the message: none, which is said to the host, where one of the attributes that it
  // needs finds nothing; and a refusal, which names the definition's place, where no sample can be made of what is
  // found. Throws NotJson.
  void make(const Definition& definition, Message& message, tally::Emitter& emit);

 private:
  using Values = std::vector<const Node*>;
  // What was found of one sample; null: nothing.
  struct Attributes {
    const Node *name, *type, *unit, *volume, *timestamp, *user, *project, *resource;
  };

  void make_one(const Definition& definition, Message& message, tally::Emitter& emit);
  void make_many(const Definition& definition, Message& message, tally::Emitter& emit);
  void make_sample(const Definition& definition, const Attributes& found, Message& message, tally::Emitter& emit);
  // Fills sample_. Null where that can be sent; else what is missing, or an empty text where `refused_` says what is
  // wrong.
  const char* fill(const Definition& definition, const Attributes& found, Arena& arena);
  const char* fill_type(const Definition& definition, const Node* type);
  void refuse(const Definition& definition, const Attributes& found, Message& message, tally::Emitter& emit);
  std::string column_fault(const char* name, bool looked_up, std::size_t count, Values& values);

  const Program& program_;
  MetadataWriter metadata_;
  tally::SampleView sample_;  // of the message's and the definition's texts
  std::string refused_;
};

}  // namespace meters

#endif
