// One librdkafka instance, consumer or producer: made, listened to, ended; and whether a broker is in touch.
// Not for what it consumes or sends.
#ifndef TALLY_KAFKA_CLIENT_H
#define TALLY_KAFKA_CLIENT_H

#include <chrono>
#include <string>
#include <vector>

#include "counts.h"
#include "settings.h"

namespace tally::kafka {

using Clock = std::chrono::steady_clock;

// One thread: librdkafka's own threads only log, all else is told within a poll.
class Client {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void rebalanced(rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*) {}
    virtual void committed(rd_kafka_resp_err_t, const rd_kafka_topic_partition_list_t*) {}
    virtual void reported(const rd_kafka_message_t&) {}
  };

  // Throws tally::Error, permanent, where the settings do not go together, with the reason.
  Client(rd_kafka_type_t type, const std::vector<Setting>& settings, Listener& listener, Counts& counts);
  // A consumer is to be closed before. Waits for the library's threads, not for brokers.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* get() const { return handle_; }
  // Why no broker is in touch; empty while one is, and while none has answered yet and none has had the time to.
  const std::string& failure() const { return failure_; }
  // One has answered, once since this was made.
  bool answered() const { return answered_; }
  // What a broker said last of a connection or of a right, in touch or not.
  const std::string& last_reason() const { return last_reason_; }
  // A broker has answered just now. What was fetched or confirmed before is not a sign of that: it may have waited
  // here.
  void in_touch();
  // True until a broker has answered, and again from whatever may mean that none does any more.
  bool in_doubt() const { return in_doubt_; }
  // While in doubt: asks whether a broker answers by now. Waits `limit` at most.
  void look(std::chrono::milliseconds limit);
  // From now on the end leaves the library's instance as it is, for as long as the process lives.
  void abandon() { abandoned_ = true; }
  // The library's word that this instance is of no more use; empty: it is.
  std::string fatal() const;

 private:
  static void on_log(const rd_kafka_t* handle, int level, const char* facility, const char* text);
  static void on_error(rd_kafka_t*, int error, const char* reason, void* self);
  static void on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*, void* self);
  static void on_commit(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*, void* self);
  static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self);

  Listener& listener_;
  Counts& counts_;
  rd_kafka_t* handle_ = nullptr;
  const Clock::time_point made_ = Clock::now();
  bool answered_ = false;
  bool in_doubt_ = true;
  std::string failure_;
  std::string last_reason_;
  bool abandoned_ = false;
};

}  // namespace tally::kafka

#endif
