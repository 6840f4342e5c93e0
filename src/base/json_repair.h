// Makes JSON of what is nearly JSON: what Python's writer and careless services put into messages.
// Not for judging JSON: what is wrong in another way stays as wrong as it was.
#ifndef TALLY_BASE_JSON_REPAIR_H
#define TALLY_BASE_JSON_REPAIR_H

#include <optional>
#include <string>
#include <string_view>

namespace tally {

// `json` with its numbers that are none (NaN, Infinity, -Infinity) as texts ("NaN"), as protobuf's JSON has them; with
// the escapes of half surrogate pairs as \ufffd; and with U+FFFD for each byte that is not UTF-8. None where there is
// nothing to mend. Any thread.
std::optional<std::string> mended_json(std::string_view json);

// The same where there is nothing to mend too.
std::string repair_json(std::string_view json);

// Bytes that are not UTF-8 travel through readers of text as characters that stand for them (U+10FE00 and the byte), so
// that it is known at the end what they were. `mark_bytes` puts them in, `unmark_bytes` takes them out again. None
// where such a character is there already, or may come of an escape in JSON, however often that is quoted: nobody could
// tell it from a mark, and it would become a byte that was never sent.
std::optional<std::string> mark_bytes(std::string_view bytes);
std::string unmark_bytes(std::string_view marked);
inline constexpr const char* kAmbiguousBytes =
    "not UTF-8, and with characters from U+10FE00 to U+10FEFF that stand for such bytes here";
// What a marked identity, or any other marked text, is in the end: see <tally/kit/text.h>.
std::string unmark_identity(std::string_view marked);
std::string unmark_text(std::string_view marked);

}  // namespace tally

#endif
