#include "plugin/managers/shared_handler.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/status.h"

namespace tally::plugin {
namespace {

struct One {
  std::mutex mutex;
  std::condition_variable free;
  bool busy = false;  // the instance is some thread's own
  Factory<MessageHandler> factory;
  std::chrono::milliseconds patience;
  std::unique_ptr<MessageHandler> instance;
};

// Ends a thread's turn with the instance.
class InstanceLock {
 public:
  explicit InstanceLock(One& one) : one_(one) {}
  ~InstanceLock() {
    const std::lock_guard lock(one_.mutex);
    one_.busy = false;
    one_.free.notify_one();
  }
  InstanceLock(const InstanceLock&) = delete;
  InstanceLock& operator=(const InstanceLock&) = delete;

 private:
  One& one_;
};

class SharedHandler final : public MessageHandler {
 public:
  explicit SharedHandler(std::shared_ptr<One> one) : one_(std::move(one)) {}

  absl::Status handle(const Notification& notification, wire::SampleList& samples) override {
    return with([&](MessageHandler& handler) { return handler.handle(notification, samples); });
  }

  absl::StatusOr<std::vector<std::string>> claims() override {
    std::vector<std::string> types;
    absl::Status status = with([&](MessageHandler& handler) {
      auto claimed = handler.claims();
      if (!claimed.ok()) return claimed.status();
      types = *std::move(claimed);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return types;
  }

  absl::StatusOr<std::optional<std::vector<MeterDefinition>>> definitions(
      std::optional<std::string> event_type) override {
    std::optional<std::vector<MeterDefinition>> made;
    absl::Status status = with([&](MessageHandler& handler) {
      auto defined = handler.definitions(event_type);
      if (!defined.ok()) return defined.status();
      made = *std::move(defined);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return made;
  }

 private:
  template <class Use>
  absl::Status with(const Use& use) {
    {
      std::unique_lock lock(one_->mutex);
      if (!one_->free.wait_for(lock, one_->patience, [&] { return !one_->busy; }))
        return transient("its one instance is busy with another worker's message");
      one_->busy = true;
    }
    const InstanceLock turn(*one_);
    if (one_->instance == nullptr) {
      auto made = one_->factory();
      if (!made.ok()) return made.status();
      one_->instance = *std::move(made);
    }
    absl::Status status = use(*one_->instance);
    if (status.code() == kAbsent) one_->instance.reset();
    return status;
  }

  std::shared_ptr<One> one_;
};

}  // namespace

Factory<MessageHandler> shared_handler(Factory<MessageHandler> factory, std::chrono::milliseconds patience) {
  auto one = std::make_shared<One>();
  one->factory = std::move(factory);
  one->patience = patience;
  return [one]() -> absl::StatusOr<std::unique_ptr<MessageHandler>> { return std::make_unique<SharedHandler>(one); };
}

}  // namespace tally::plugin
