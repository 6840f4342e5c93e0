// Counts the requests and responses that services announce for their HTTP interfaces.
// Not for measuring them: each is one, whatever its size.
#include <tally/plugin.h>

namespace {

class HttpRequest : public tally::NotificationHandler {
 public:
  explicit HttpRequest(const tally::Config&) {}

  void handle(const tally::Notification& notification, tally::Emitter& emit) override {
    const bool request = notification.event_type == "http.request";
    if (!request && notification.event_type != "http.response") throw tally::Error::unclaimed();
    std::string why;
    const auto payload = tally::Json::parse(notification.payload, &why);
    if (!payload) throw tally::Error::permanent("the payload is not JSON: " + why);
    const auto service = header(*payload, "HTTP_X_SERVICE_NAME");
    if (!service) return emit.skip(notification.event_type, "payload.request.HTTP_X_SERVICE_NAME is missing");
    tally::Sample sample =
        tally::delta(std::string(notification.event_type), request ? "request" : "response", 1, *service);
    sample.user_id = header(*payload, "HTTP_X_USER_ID");
    sample.project_id = header(*payload, "HTTP_X_PROJECT_ID");
    sample.resource_metadata = metadata(notification, *payload);
    emit(sample);
  }

 private:
  static std::optional<std::string> header(const tally::Json& payload, std::string_view name) {
    const tally::Json* request = payload.at("request");
    const tally::Json* value = request != nullptr ? request->at(name) : nullptr;
    const auto text = value == nullptr                             ? std::nullopt
                      : value->kind() == tally::Json::Kind::number ? std::optional(value->raw())
                                                                   : value->text();
    return text && !text->empty() ? std::optional<std::string>(*text) : std::nullopt;
  }

  // The payload, the event type and the publisher.
  static std::string metadata(const tally::Notification& notification, const tally::Json& payload) {
    tally::JsonObject out;
    for (const tally::Json& member : payload.items())
      if (member.key() != "event_type" && member.key() != "host") out.set(member.key(), member);
    out.set("event_type", notification.event_type).set("host", notification.publisher_id);
    return out.str();
  }
};

}  // namespace

// clang-format off
TALLY_PLUGIN(HttpRequest, {
  "name" : "http_request",
  "version" : "1.0.0",
  "roles" : [ {
    "role" : "notification",
    "name" : "http_request",
    "summary" : "Counts HTTP requests and responses of services",
    "event_types" : [ "http.request", "http.response" ],
    "meters" : [
      {"name" : "http.request", "type" : "delta", "unit" : "request", "description" : "a request that a service took"},
      {
        "name" : "http.response",
        "type" : "delta",
        "unit" : "response",
        "description" : "a response that a service gave"
      }
    ]
  } ]
})
