// What a plugin throws, as the host sees it: a class and a text, never an exception.
#include <gtest/gtest.h>
#include <tally/plugin.h>

#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace tally {
namespace {

// A host's end of an error, with room for `capacity` bytes.
struct Said {
  explicit Said(std::size_t capacity = 200) : buffer(capacity, '#'), error{sizeof error, buffer.data(), capacity, 0} {}
  std::string text() const { return buffer.substr(0, error.length); }

  std::string buffer;
  tally_error error;
};

template <class Thrown>
std::int32_t class_of(const Thrown& thrown, std::string& text, std::int32_t unexpected = TALLY_TRANSIENT) {
  Said said;
  const std::int32_t result = detail::guarded(
      &said.error, [&] { throw thrown; }, unexpected);
  text = said.text();
  return result;
}

TEST(SdkBoundary, NothingThrownIsOkAndSaysNothing) {
  Said said;
  EXPECT_EQ(detail::guarded(&said.error, [] {}), TALLY_OK);
  EXPECT_EQ(said.text(), "");
}

TEST(SdkBoundary, AnErrorKeepsItsClassAndItsWords) {
  std::string text;
  EXPECT_EQ(class_of(Error::absent("/dev/kvm: not here"), text), TALLY_ABSENT);
  EXPECT_EQ(text, "/dev/kvm: not here");
  EXPECT_EQ(class_of(Error::transient("busy"), text), TALLY_TRANSIENT);
  EXPECT_EQ(text, "busy");
  EXPECT_EQ(class_of(Error::permanent("no such key"), text), TALLY_PERMANENT);
  EXPECT_EQ(text, "no such key");
  EXPECT_EQ(class_of(Error::unclaimed(), text), TALLY_UNCLAIMED);
  EXPECT_EQ(text, "not for this handler");
  // Whatever a call says that it throws for other errors, these are named.
  EXPECT_EQ(class_of(Error::transient("busy"), text, TALLY_PERMANENT), TALLY_TRANSIENT);
}

TEST(SdkBoundary, AnErrorIsNeverOk) {
  std::string text;
  EXPECT_EQ(class_of(Error(Outcome::ok, "odd"), text), TALLY_TRANSIENT);
  EXPECT_EQ(text, "odd");
}

TEST(SdkBoundary, AnyOtherExceptionHasTheCallsClass) {
  std::string text;
  EXPECT_EQ(class_of(std::runtime_error("broken"), text), TALLY_TRANSIENT);
  EXPECT_EQ(text, "broken");
  EXPECT_EQ(class_of(std::out_of_range("beyond"), text, TALLY_PERMANENT), TALLY_PERMANENT);
  EXPECT_EQ(text, "beyond");
  EXPECT_EQ(class_of(42, text), TALLY_TRANSIENT);
  EXPECT_EQ(text, "the plugin threw something that is not a std::exception");
  EXPECT_EQ(class_of("a text", text, TALLY_PERMANENT), TALLY_PERMANENT);
  EXPECT_EQ(text, "the plugin threw something that is not a std::exception");
}

TEST(SdkBoundary, WhatTheMachineLacksIsTransientInEveryCall) {
  std::string text;
  EXPECT_EQ(class_of(std::bad_alloc(), text, TALLY_PERMANENT), TALLY_TRANSIENT);
  EXPECT_EQ(text, "out of memory");
  EXPECT_EQ(class_of(std::system_error(EMFILE, std::generic_category(), "open"), text, TALLY_PERMANENT),
            TALLY_TRANSIENT);
  EXPECT_NE(text.find("open"), std::string::npos);
}

TEST(SdkBoundary, ATextIsCutBetweenTwoCharacters) {
  Said exact(5), cut(4), none(0);
  detail::say(&exact.error, "caf\xc3\xa9");
  EXPECT_EQ(exact.text(), "caf\xc3\xa9");
  detail::say(&cut.error, "caf\xc3\xa9");
  EXPECT_EQ(cut.text(), "caf");
  detail::say(&none.error, "caf\xc3\xa9");
  EXPECT_EQ(none.text(), "");
}

TEST(SdkBoundary, AHostThatWantsNoTextGetsTheClass) {
  tally_error without{sizeof without, nullptr, 0, 0};
  const auto fail = [] { throw Error::absent("not here"); };
  EXPECT_EQ(detail::guarded(nullptr, fail), TALLY_ABSENT);
  EXPECT_EQ(detail::guarded(&without, fail), TALLY_ABSENT);
}

// One of every role's calls, so that the classes hold where a host calls, not only in between.
struct Thrower : Pollster {
  explicit Thrower(const Config& config) : kind(config.has("kind") ? config.text("kind") : "") {
    if (kind == "never") throw Error::absent("no hardware");
  }
  void poll(const Poll&, Emitter&) override {
    if (kind == "int") throw 1;
    throw std::logic_error("mistaken");
  }
  std::string kind;
};
struct Picky : NotificationHandler {
  void handle(const Notification& notification, Emitter&) override {
    if (notification.event_type == "other") throw Error::unclaimed();
    throw std::invalid_argument("bad payload");
  }
};

struct Made {
  explicit Made(const char* kind) {
    const tally_option option{to_c("kind"), to_c(kind)};
    const tally_config config{sizeof config, &option, 1, {nullptr, 0}, {nullptr, 0}};
    result = detail::PollsterRole<Thrower>::kTable.create(&config, &instance, &said.error);
  }
  ~Made() {
    if (instance != nullptr) detail::PollsterRole<Thrower>::kTable.destroy(instance);
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;

  Said said;
  void* instance = nullptr;
  std::int32_t result = TALLY_OK;
};

TEST(SdkBoundary, AConstructorMaySayThatItIsAbsent) {
  const Made made("never");
  EXPECT_EQ(made.result, TALLY_ABSENT);
  EXPECT_EQ(made.said.text(), "no hardware");
  EXPECT_EQ(made.instance, nullptr);
}

TEST(SdkBoundary, APollstersSurpriseIsTransient) {
  tally_poll poll{};
  poll.size = sizeof poll;
  const tally_emitter emitter{sizeof emitter, nullptr, nullptr};
  for (const auto& [kind, text] :
       {std::pair{"logic", "mistaken"}, std::pair{"int", "the plugin threw something that is not a std::exception"}}) {
    const Made made(kind);
    ASSERT_EQ(made.result, TALLY_OK);
    Said said;
    EXPECT_EQ(detail::PollsterRole<Thrower>::kTable.poll(made.instance, &poll, &emitter, &said.error), TALLY_TRANSIENT);
    EXPECT_EQ(said.text(), text);
  }
}

TEST(SdkBoundary, AHandlersSurpriseIsPermanent) {
  const auto& table = detail::NotificationRole<Picky>::kTable;
  EXPECT_EQ(table.claims, nullptr);  // it says nothing of its own
  const tally_config config{sizeof config, nullptr, 0, {nullptr, 0}, {nullptr, 0}};
  void* instance = nullptr;
  Said said;
  ASSERT_EQ(table.create(&config, &instance, &said.error), TALLY_OK);
  const tally_emitter emitter{sizeof emitter, nullptr, nullptr};
  tally_notification notification{};
  notification.size = sizeof notification;
  notification.event_type = to_c("x");
  EXPECT_EQ(table.handle(instance, &notification, &emitter, &said.error), TALLY_PERMANENT);
  EXPECT_EQ(said.text(), "bad payload");
  notification.event_type = to_c("other");
  EXPECT_EQ(table.handle(instance, &notification, &emitter, &said.error), TALLY_UNCLAIMED);
  table.destroy(instance);
}

}  // namespace
}  // namespace tally
