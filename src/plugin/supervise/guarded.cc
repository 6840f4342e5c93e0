#include "plugin/supervise/guarded.h"

#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/status.h"

namespace tally::plugin {
namespace {

// An instance that is made when it is first needed. Shared with the job of a call, so that one that hangs keeps it.
template <class T>
class Lazy {
 public:
  explicit Lazy(Factory<T> factory) : factory_(std::move(factory)) {}

  // Calls `use` with the instance; drops the instance when it is absent.
  template <class Use>
  absl::Status with(Use&& use) {
    if (instance_ == nullptr) {
      absl::StatusOr<std::unique_ptr<T>> made = factory_();
      if (!made.ok()) return made.status();
      instance_ = *std::move(made);
    }
    absl::Status status = use(*instance_);
    if (status.code() == kAbsent) instance_.reset();
    return status;
  }

 private:
  Factory<T> factory_;
  std::unique_ptr<T> instance_;
};

template <class T>
class GuardedBase : public T {
 protected:
  GuardedBase(Factory<T> factory, std::shared_ptr<Guard> guard)
      : guard_(std::move(guard)), lazy_(std::make_shared<Lazy<T>>(std::move(factory))) {}

  // `use` owns all that it refers to beside the instance.
  template <class Use>
  absl::Status call(Use use) {
    return guarded_call(*guard_, worker_, [lazy = lazy_, use = std::move(use)]() mutable { return lazy->with(use); });
  }
  // The same on a worker's thread, whose job owns all that `use` refers to.
  template <class Use>
  absl::Status call_here(const Use& use) {
    const std::shared_ptr<Lazy<T>> lazy = lazy_;  // the thread may be left alone in this call
    return guarded_call_here(*guard_, [&] { return lazy->with(use); });
  }

 private:
  std::shared_ptr<Guard> guard_;
  std::shared_ptr<Lazy<T>> lazy_;
  Worker worker_;
};

class GuardedPollster final : public GuardedBase<Sampler> {
 public:
  GuardedPollster(Factory<Sampler> factory, std::shared_ptr<Guard> guard)
      : GuardedBase(std::move(factory), std::move(guard)) {}

  absl::Status poll(const PollRequest& request, PollResult& result) override {
    struct Call {
      std::vector<Resource> resources;
      PollRequest request;
      PollResult result;
    };
    auto own = std::make_shared<Call>();
    own->resources.assign(request.resources.begin(), request.resources.end());
    own->request = {request.time, request.monotonic_ns, own->resources};
    absl::Status status = call([own](Sampler& pollster) { return pollster.poll(own->request, own->result); });
    if (status.code() != kHung) result = std::move(own->result);
    return status;
  }
};

class GuardedDiscovery final : public GuardedBase<ResourceFinder> {
 public:
  GuardedDiscovery(Factory<ResourceFinder> factory, std::shared_ptr<Guard> guard)
      : GuardedBase(std::move(factory), std::move(guard)) {}

  absl::StatusOr<std::vector<Resource>> discover() override {
    auto found = std::make_shared<std::vector<Resource>>();
    absl::Status status = call([found](ResourceFinder& discovery) {
      absl::StatusOr<std::vector<Resource>> resources = discovery.discover();
      if (!resources.ok()) return resources.status();
      *found = *std::move(resources);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return std::move(*found);
  }
};

// A message with texts of its own.
struct OwnedNotification {
  explicit OwnedNotification(const Notification& from) : message(from) {
    auto keep = [this](std::string_view& view) { view = *texts.emplace_back(std::make_unique<std::string>(view)); };
    auto keep_some = [&keep](std::optional<std::string_view>& view) {
      if (view) keep(*view);
    };
    keep_some(message.message_id);
    keep(message.event_type);
    keep_some(message.publisher_id);
    keep_some(message.priority);
    keep_some(message.timestamp);
    keep(message.payload);
    keep(message.context);
  }
  Notification message;
  std::vector<std::unique_ptr<std::string>> texts;
};

class GuardedHandler final : public GuardedBase<MessageHandler> {
 public:
  GuardedHandler(Factory<MessageHandler> factory, std::shared_ptr<Guard> guard)
      : GuardedBase(std::move(factory), std::move(guard)) {}

  absl::Status handle(const Notification& notification, wire::SampleList& samples) override {
    if (Worker::on_worker()) {
      return call_here([&](MessageHandler& handler) { return handler.handle(notification, samples); });
    }
    struct Call {
      OwnedNotification notification;
      wire::SampleList samples;
    };
    auto own = std::make_shared<Call>(Call{OwnedNotification(notification), {}});
    absl::Status status =
        call([own](MessageHandler& handler) { return handler.handle(own->notification.message, own->samples); });
    if (status.code() == kHung) return status;
    samples.append(own->samples);
    return status;
  }

  absl::StatusOr<std::vector<std::string>> claims() override {
    auto types = std::make_shared<std::vector<std::string>>();
    absl::Status status = call([types](MessageHandler& handler) {
      absl::StatusOr<std::vector<std::string>> claimed = handler.claims();
      if (!claimed.ok()) return claimed.status();
      *types = *std::move(claimed);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return std::move(*types);
  }

  absl::StatusOr<std::optional<std::vector<MeterDefinition>>> definitions(
      std::optional<std::string> event_type) override {
    auto made = std::make_shared<std::optional<std::vector<MeterDefinition>>>();
    absl::Status status = call([made, event_type = std::move(event_type)](MessageHandler& handler) {
      auto defined = handler.definitions(event_type);
      if (!defined.ok()) return defined.status();
      *made = *std::move(defined);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return std::move(*made);
  }
};

template <class Call>
auto counted(Guard& guard, Call&& call) {
  const auto begin = std::chrono::steady_clock::now();
  auto answer = call();
  const auto took = std::chrono::steady_clock::now() - begin;
  if constexpr (std::is_same_v<decltype(answer), absl::Status>) {
    guard.finished(answer, took);
  } else {
    guard.finished(answer.status(), took);
  }
  return answer;
}

class CountedStorage final : public StorageDriver {
 public:
  CountedStorage(std::unique_ptr<StorageDriver> storage, std::shared_ptr<Guard> guard)
      : storage_(std::move(storage)), guard_(std::move(guard)) {}

  absl::Status prepare(Prepare how, const TakeRow& report) override {
    return counted(*guard_, [&] { return storage_->prepare(how, report); });
  }
  absl::Status write(std::span<const tally_row> rows, const Conclude& conclude, const BatchToken& token) override {
    return counted(*guard_, [&] { return storage_->write(rows, conclude, token); });
  }
  absl::Status query(const Query& query, const TakeRow& rows) override {
    return counted(*guard_, [&] { return storage_->query(query, rows); });
  }
  absl::StatusOr<std::uint64_t> purge_dead_letters(std::span<const std::string> digests) override {
    return counted(*guard_, [&] { return storage_->purge_dead_letters(digests); });
  }
  absl::StatusOr<std::uint64_t> expire(Time before, const std::string& meter) override {
    return counted(*guard_, [&] { return storage_->expire(before, meter); });
  }
  absl::StatusOr<bool> put_records(std::span<const Record> records) override {
    return counted(*guard_, [&] { return storage_->put_records(records); });
  }
  absl::Status list_records(const std::string& kind, const std::string& prefix, const TakeRow& rows) override {
    return counted(*guard_, [&] { return storage_->list_records(kind, prefix, rows); });
  }
  absl::StatusOr<WriterState> last_batch(const std::string& writer) override {
    return counted(*guard_, [&] { return storage_->last_batch(writer); });
  }

 private:
  std::unique_ptr<StorageDriver> storage_;
  std::shared_ptr<Guard> guard_;
};

class CountedTransport final : public TransportDriver {
 public:
  CountedTransport(std::unique_ptr<TransportDriver> transport, std::shared_ptr<Guard> guard)
      : transport_(std::move(transport)), guard_(std::move(guard)) {}

  absl::Status consume(std::uint32_t prefetch) override {
    return counted(*guard_, [&] { return transport_->consume(prefetch); });
  }
  absl::Status service(std::uint32_t max_messages, std::uint32_t timeout_ms, const ServiceEvents& events) override {
    return counted(*guard_, [&] { return transport_->service(max_messages, timeout_ms, events); });
  }
  absl::Status settle(std::span<const Settlement> settlements) override {
    return counted(*guard_, [&] { return transport_->settle(settlements); });
  }
  absl::StatusOr<std::vector<absl::Status>> publish(std::span<const Outgoing> messages,
                                                    std::uint32_t timeout_ms) override {
    return counted(*guard_, [&] { return transport_->publish(messages, timeout_ms); });
  }
  void wake() override { transport_->wake(); }
  absl::Status stop() override {
    return counted(*guard_, [&] { return transport_->stop(); });
  }
  absl::Status inspect(std::uint32_t timeout_ms, const TakeQueue& queues) override {
    return counted(*guard_, [&] { return transport_->inspect(timeout_ms, queues); });
  }
  absl::Status unsubscribe(std::uint32_t timeout_ms, const TakeQueue& queues) override {
    return counted(*guard_, [&] { return transport_->unsubscribe(timeout_ms, queues); });
  }
  absl::Status rewind(Time to, bool dry_run, std::uint32_t timeout_ms, const TakeRewound& rewinds) override {
    return counted(*guard_, [&] { return transport_->rewind(to, dry_run, timeout_ms, rewinds); });
  }

 private:
  std::unique_ptr<TransportDriver> transport_;
  std::shared_ptr<Guard> guard_;
};

}  // namespace

std::unique_ptr<Sampler> guarded(Factory<Sampler> factory, std::shared_ptr<Guard> guard) {
  return std::make_unique<GuardedPollster>(std::move(factory), std::move(guard));
}

std::unique_ptr<ResourceFinder> guarded(Factory<ResourceFinder> factory, std::shared_ptr<Guard> guard) {
  return std::make_unique<GuardedDiscovery>(std::move(factory), std::move(guard));
}

std::unique_ptr<MessageHandler> guarded(Factory<MessageHandler> factory, std::shared_ptr<Guard> guard) {
  return std::make_unique<GuardedHandler>(std::move(factory), std::move(guard));
}

std::unique_ptr<StorageDriver> guarded(std::unique_ptr<StorageDriver> storage, std::shared_ptr<Guard> guard) {
  return std::make_unique<CountedStorage>(std::move(storage), std::move(guard));
}

std::unique_ptr<TransportDriver> guarded(std::unique_ptr<TransportDriver> transport, std::shared_ptr<Guard> guard) {
  return std::make_unique<CountedTransport>(std::move(transport), std::move(guard));
}

}  // namespace tally::plugin
