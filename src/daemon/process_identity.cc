#include "daemon/process_identity.h"

#include <tally/model/time.h>
#include <unistd.h>

#include "base/json_quote.h"

namespace tally::daemon {

std::string json_list(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ",") + json_quote(text);
  return "[" + list + "]";
}

void put_process_identity(JsonWriter& json, const ProcessIdentity& identity) {
  using std::chrono::duration_cast;
  std::vector<std::string> files;
  for (const std::filesystem::path& file : identity.files) {
    std::error_code ignored;
    files.push_back(std::filesystem::absolute(file, ignored).string());
  }
  const auto started = duration_cast<std::chrono::microseconds>(identity.started.time_since_epoch()).count();
  const auto uptime = std::chrono::steady_clock::now() - identity.since;
  json.text("program", identity.program).number("pid", ::getpid()).text("version", identity.version);
  json.raw("configuration", json_list(files)).text("started", Time{started}.to_string());
  json.number("uptime_s", duration_cast<std::chrono::seconds>(uptime).count());
}

}  // namespace tally::daemon
