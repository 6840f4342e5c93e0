// /proc/meminfo of any machine.
// Not for what is made of the fields.
#include "memory/proc_meminfo.h"

#include "measured.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& [field, value] : proc_meminfo::read(text)) {
    require(field.find_first_of(" \t\r\n") == field.npos, "a field is a word");
    const char* const end = field.data() + field.size() + 1;  // past its colon
    require_count(tally::words({end, static_cast<std::size_t>(text.data() + text.size() - end)}).front(), value, 1);
  }
  return 0;
}
