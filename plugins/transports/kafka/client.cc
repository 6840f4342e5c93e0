#include "client.h"

#include <syslog.h>

#include <array>
#include <map>
#include <mutex>
#include <string_view>

#include <tally/sdk/error.h>
#include <tally/sdk/log.h>

namespace tally::kafka {
namespace {

constexpr std::chrono::seconds kSameKind{10};  // between two lines of one kind
constexpr std::chrono::seconds kPatience{5};   // for a first answer

}  // namespace

Client::Client(rd_kafka_type_t type, const std::vector<Setting>& settings, Listener& listener, Counts& counts)
    : listener_(listener), counts_(counts) {
  Conf conf = make_conf(settings);
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_log_cb(conf.get(), &Client::on_log);
  rd_kafka_conf_set_error_cb(conf.get(), &Client::on_error);
  if (type == RD_KAFKA_CONSUMER) {
    rd_kafka_conf_set_rebalance_cb(conf.get(), &Client::on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf.get(), &Client::on_commit);
  } else {
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &Client::on_report);
  }
  std::array<char, 512> why{};
  handle_ = rd_kafka_new(type, conf.get(), why.data(), why.size());
  if (handle_ == nullptr) {
    throw Error::permanent(std::string("librdkafka does not start with these settings: ") + why.data());
  }
  static_cast<void>(conf.release());
}

Client::~Client() {
  if (!abandoned_) rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

// The library's threads call it, of an abandoned instance too. Connections are told by on_error, once each change.
void Client::on_log(const rd_kafka_t*, int level, const char* facility, const char* text) {
  const std::string kind(facility);
  if (level > LOG_WARNING || kind == "FAIL" || kind == "ERROR" || kind == "CONFWARN") return;
  static auto* const mutex = new std::mutex;
  static auto* const logged = new std::map<std::string, Clock::time_point>;  // kinds of lines, when last
  {
    const std::lock_guard lock(*mutex);
    const auto [last, first] = logged->try_emplace(kind, Clock::now());
    if (!first && Clock::now() < last->second + kSameKind) return;
    last->second = Clock::now();
  }
  log(level <= LOG_ERR ? Level::error : Level::warning, "librdkafka: " + std::string(text));
}

void Client::on_error(rd_kafka_t*, int error, const char* reason, void* self) {
  auto& client = *static_cast<Client*>(self);
  client.counts_.add(Counts::errors);
  client.in_doubt_ = true;
  if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    client.last_reason_ = reason;
    if (!client.failure_.empty()) client.failure_ = reason;
  } else if (client.failure_.empty()) {
    client.failure_ = client.last_reason_.empty() ? reason : client.last_reason_;
  }
}

void Client::on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* list, void* self) {
  static_cast<Client*>(self)->listener_.rebalanced(error, list);
}

void Client::on_commit(rd_kafka_t*, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* list, void* self) {
  static_cast<Client*>(self)->listener_.committed(error, list);
}

void Client::on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
  static_cast<Client*>(self)->listener_.reported(*message);
}

void Client::in_touch() {
  answered_ = true;
  in_doubt_ = false;
  failure_.clear();
  last_reason_.clear();
}

// The library says "all brokers are down" only where the last of them goes down after all others, and its count of them
// changes with the group's coordinator: what it says of one broker is reason enough to ask.
void Client::look(std::chrono::milliseconds limit) {
  if (!in_doubt_) return;
  const struct rd_kafka_metadata* found = nullptr;
  const auto error = rd_kafka_metadata(handle_, 0, nullptr, &found, static_cast<int>(limit.count()));
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_metadata_destroy(found);
    return in_touch();
  }
  if (!failure_.empty()) return;
  if (!last_reason_.empty()) {
    failure_ = last_reason_;
  } else if (Clock::now() - made_ >= kPatience) {
    failure_ = std::string("no broker answers: ") + rd_kafka_err2str(error);
  }
}

std::string Client::fatal() const {
  std::array<char, 512> why{};
  return rd_kafka_fatal_error(handle_, why.data(), why.size()) == RD_KAFKA_RESP_ERR_NO_ERROR ? std::string()
                                                                                             : std::string(why.data());
}

}  // namespace tally::kafka
