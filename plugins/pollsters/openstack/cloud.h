// One cloud as its services see us: a token that is renewed in time, the catalog, and requests with the token.
// Not for what is asked of a service: cycle.h.
#ifndef TALLY_OPENSTACK_CLOUD_H
#define TALLY_OPENSTACK_CLOUD_H

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "http.h"
#include "keystone.h"

namespace tally::openstack {

// Keystone gives no token: nothing can be asked of any service.
struct NoToken : Error {
  explicit NoToken(const std::string& text) : Error(Outcome::transient, text) {}
};

struct CloudOptions {
  Credentials credentials;
  std::string region;  // empty: any
  std::string interface = "public";
  HttpOptions http;
  std::chrono::milliseconds timeout{30'000};  // of one request
};

struct Service {
  std::string type, url;
};
struct Project {
  std::string id, name;
};

// Any thread; one call at a time, others wait.
class Cloud {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Cloud(CloudOptions options) : options_(std::move(options)), http_(options_.http) {}

  // A cloud that find() knows by its number, for as long as it lives.
  static std::shared_ptr<Cloud> open(CloudOptions options);
  // Null where there is none.
  static std::shared_ptr<Cloud> find(std::int64_t number);
  std::int64_t number() const { return number_; }

  // The catalog's services in this region and by this interface, the first endpoint of each. Logs in where there is no
  // token, or none that lasts. Throws NoToken, as all that follow.
  std::vector<Service> services();
  // The project that the token is for.
  std::string own_project();
  // All projects that are enabled; where Keystone lets us not list them, the token's own alone. Throws tally::Error
  // where there is no answer.
  std::vector<Project> projects();

  // With the token, which is renewed once where the answer is 401; then that answer is the caller's.
  HttpAnswer ask(HttpRequest request);

 private:
  HttpAnswer ask_locked(HttpRequest request);
  const Token& token();

  const CloudOptions options_;
  std::int64_t number_ = 0;
  std::mutex mutex_;  // guards what follows
  HttpClient http_;
  std::optional<Token> token_;
  Clock::time_point renew_at_;
};

}  // namespace tally::openstack

#endif
