// A store that does not have what it had answered for: noticed by the next write, at the next start, and told until a
// person acknowledges it. Not for real servers: tests/e2e/test_lost_primary.py.
#include "collector/loss_detector.h"

#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "collector/collector_fixture.h"
#include "support/scratch_folder.h"

namespace tally::collector {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class WitnessTest : public CollectorTest {
 protected:
  WitnessTest() {
    options_.losses_every = Milliseconds(2);
    options_.compare_every = Milliseconds(0);
    options_.host = "host1";
    options_.store.writers = 2;
  }
  std::filesystem::path folder() const { return scratch_.path() / "collector"; }
  void remember() { options_.state_folder = folder(); }

  template <class Done>
  ::testing::AssertionResult until(const Done& done) {
    const auto end = std::chrono::steady_clock::now() + kLong;
    while (!done())
      if (std::chrono::steady_clock::now() > end)
        return ::testing::AssertionFailure() << "not within 20 s";
      else
        std::this_thread::yield();
    return ::testing::AssertionSuccess();
  }
  std::vector<std::string> reasons() { return collector_->status().not_ready; }
  bool ready() { return reasons().empty(); }
  std::vector<Loss> open() {
    fakes::Storage storage(store_);
    return open_losses(storage).value();
  }
  std::vector<Loss> acknowledge() {
    fakes::Storage storage(store_);
    return acknowledge_losses(storage, "known").value();
  }
  std::string id() {
    fakes::Storage storage(store_);
    return store_id(storage).value();
  }

  test::ScratchFolder scratch_;
};

TEST_F(WitnessTest, ALostPrimaryIsNoticedByTheNextWriteAndToldUntilSomeoneAcknowledgesIt) {
  start();
  send(0, 10);
  settled(10);
  EXPECT_TRUE(until([&] { return ready(); }));
  const auto standby = store_->copy();
  send(10, 30);
  settled(30);
  store_->put_back(standby);
  EXPECT_TRUE(ready()) << "nobody can know yet";

  // Whoever of the two writers takes the next ones notices what the other one has lost as well.
  send(30, 31);
  settled(31);
  ASSERT_THAT(reasons(), SizeIs(::testing::Ge(1)));
  EXPECT_THAT(reasons(),
              Each(::testing::AllOf(HasSubstr("store fake://store has lost the "), HasSubstr("that host1 wrote "),
                                    HasSubstr("tally storage acknowledge-loss"))));
  const std::vector<Loss> losses = open();
  std::uint64_t samples = 0, batches = 0;
  for (const Loss& loss : losses) samples += loss.samples(), batches += loss.batches.size();
  EXPECT_EQ(samples, 20U) << "each lost row is named, and no other";
  EXPECT_EQ(collector_->status().lost_batches, batches);
  EXPECT_EQ(store_->copy().samples_.size(), 11U) << "what comes meanwhile is stored";
  EXPECT_TRUE(bus_->wait_acknowledged(31));

  EXPECT_THAT(acknowledge(), SizeIs(losses.size()));
  EXPECT_NE(id(), "first") << "what was computed from the lost batches is void";
  EXPECT_TRUE(until([&] { return ready(); })) << "by itself";
  EXPECT_EQ(collector_->status().lost_batches, 0U);
  EXPECT_THAT(open(), IsEmpty());
  EXPECT_THAT(acknowledge(), IsEmpty());
  send(31, 40);
  settled(40);
  EXPECT_TRUE(ready());
  expect_balanced(collector_->status());
}

TEST_F(WitnessTest, ARestartedCollectorNoticesBeforeAnythingComes) {
  remember();
  start();
  send(0, 10);
  settled(10);
  const auto backup = store_->copy();
  send(10, 25);
  settled(25);
  collector_.reset();
  store_->put_back(backup);

  start();
  EXPECT_TRUE(until([&] { return collector_->status().lost_batches > 0; }));
  EXPECT_THAT(reasons(), ::testing::Contains(HasSubstr("has lost the ")));
  std::uint64_t samples = 0;
  for (const Loss& loss : open()) samples += loss.samples();
  EXPECT_EQ(samples, 15U);

  collector_.reset();
  start();
  EXPECT_TRUE(until([&] { return collector_->status().lost_batches > 0; })) << "a restart acknowledges nothing";
  acknowledge();
  EXPECT_TRUE(until([&] { return ready(); }));
  collector_.reset();
  start();
  send(25, 30);
  settled(5);
  EXPECT_TRUE(until([&] { return ready(); })) << "acknowledged is acknowledged";
}

TEST_F(WitnessTest, WhatWasAcknowledgedWhileNoCollectorRanIsNotToldAgain) {
  remember();
  start();
  send(0, 10);
  settled(10);
  const auto backup = store_->copy();
  send(10, 25);
  settled(25);
  collector_.reset();
  store_->put_back(backup);
  {
    fakes::Storage storage(store_);
    const auto remembered = StateFolder::read(folder());
    ASSERT_TRUE(remembered);
    const auto losses = compare(storage, *remembered, "host1");
    ASSERT_TRUE(losses.ok());
    ASSERT_FALSE(losses->empty());
    ASSERT_TRUE(keep_losses(storage, *losses).ok());
  }
  acknowledge();
  start();
  send(25, 30);
  settled(5);
  EXPECT_TRUE(until([&] { return ready(); }));
}

TEST_F(WitnessTest, NothingIsLostByARestartOrByAnAnswerThatWasLost) {
  remember();
  for (int round = 0; round < 3; ++round) {
    start();
    {
      const std::lock_guard lock(store_->mutex);
      store_->lose_answer = true;
    }
    send(round * 20, round * 20 + 20);
    settled(20);
    EXPECT_TRUE(until([&] { return ready(); }));
    collector_.reset();
  }
  EXPECT_THAT(open(), IsEmpty());
  EXPECT_EQ(store_->copy().samples_.size(), 60U);
  EXPECT_THAT(store_->copy().writers_, SizeIs(::testing::Le(2))) << "the name stays";
}

// From its commit on the store has a newer number: a kill right after it must not hide what the batch has seen.
TEST_F(WitnessTest, AKillAroundTheCommitForgetsNoLoss) {
  const Commit lost{0, 7'000'000, Time::now(), 3, 5};
  {
    LossDetector loss_detector(folder(), "host1");
    loss_detector.committed({0, 6'000'000, Time::now(), 1, 1});
    loss_detector.committed(lost);
    loss_detector.found(0, 6'000'000);
  }  // as a kill: nothing more is written
  LossDetector loss_detector(folder(), "host1");
  ASSERT_THAT(loss_detector.losses(), SizeIs(1));
  EXPECT_EQ(loss_detector.losses()[0].after, 6'000'000U);
  EXPECT_EQ(loss_detector.losses()[0].samples(), 5U);
  EXPECT_FALSE(loss_detector.losses()[0].more);
  EXPECT_GT(loss_detector.first_sequence(), 7'000'000U);
}

// A store takes a number that it has for the same batch: what is counted under it would be acknowledged and not stored.
TEST_F(WitnessTest, ProcessesKilledBeforeAnyBatchIsRememberedNeverShareANumber) {
  std::uint64_t before = 0;
  for (int i = 0; i < 5; ++i) {  // within much less than a second
    LossDetector loss_detector(folder(), "host1");
    EXPECT_GT(loss_detector.first_sequence(), before + 100'000) << "what the one before had on its way";
    before = loss_detector.first_sequence();
    if (i == 1) loss_detector.committed({0, before + 7, Time::now(), 1, 1});
  }
}

TEST_F(WitnessTest, WithoutRoomForItsNumbersAWriterHasANameOfItsOwn) {
  std::string name;
  {
    LossDetector loss_detector(folder(), "host1");
    name = loss_detector.writer(0);
  }
  std::filesystem::create_directory(folder() / "writer.json.new");  // so that the file cannot be written, as root too
  EXPECT_NE(LossDetector(folder(), "host1").writer(0), name);
  std::filesystem::remove(folder() / "writer.json.new");
  EXPECT_EQ(LossDetector(folder(), "host1").writer(0), name);
}

TEST_F(WitnessTest, AWriterThatTheStoreHasForgottenIsNoLoss) {
  remember();
  start();
  send(0, 10);
  settled(10);
  collector_.reset();
  {
    const std::lock_guard lock(store_->mutex);
    store_->writers.clear();
    store_->since = Time{Time::now().us + Time::kSecond};
  }
  start();
  send(10, 20);
  settled(10);
  EXPECT_TRUE(until([&] { return ready(); }));
  EXPECT_THAT(open(), IsEmpty());

  store_->put_back({});  // an empty store that forgets nobody
  {
    const std::lock_guard lock(store_->mutex);
    store_->since.reset();
  }
  send(20, 21);
  settled(11);
  EXPECT_THAT(reasons(), SizeIs(::testing::Ge(1))) << "nothing is there, and it had room to remember";
}

TEST_F(WitnessTest, AnotherStoreIsNotComparedAndOneInItsPlaceIs) {
  remember();
  start();
  send(0, 10);
  settled(10);
  collector_.reset();
  const auto full = store_->copy();
  fakes::StoreEnd::Copy empty;
  empty.records_ = {{{"store", "id"}, {"store", "id", "second", 1}}};

  store_->put_back(empty);
  options_.store.name = "fake://another";
  start();
  send(10, 20);
  settled(10);
  EXPECT_TRUE(until([&] { return ready(); }));
  collector_.reset();

  store_->put_back(empty);
  start();
  EXPECT_TRUE(until([&] { return collector_->status().lost_batches > 0; })) << "made again at the same place";
}

TEST_F(WitnessTest, AFolderIsOneCollectors) {
  remember();
  start();
  EXPECT_EQ(StateFolder::open(folder()).status().code(), kPermanent);
  const LossDetector beside(folder(), "host1");
  EXPECT_NE(beside.writer(0), LossDetector("", "host1").writer(0));
  EXPECT_NE(beside.writer(0), StateFolder::read(folder())->writer.name + "00") << "a name of its own";
}

TEST(StateFolder, KeepsTheNewestBatchesAndLeavesOutWhatIsDamaged) {
  const test::ScratchFolder scratch;
  const std::filesystem::path folder = scratch.path() / "collector";
  constexpr std::uint64_t kAll = StateFolder::kMostCommits + 10;
  {
    auto state = StateFolder::open(folder);
    ASSERT_TRUE(state.ok()) << state.status();
    for (std::uint64_t i = 1; i <= kAll; ++i) {
      ASSERT_TRUE(state->add({static_cast<unsigned>(i % 2), i, Time{static_cast<std::int64_t>(i)}, 2, 3}).ok());
    }
  }
  auto read = StateFolder::read(folder);
  ASSERT_TRUE(read);
  ASSERT_THAT(read->commits, SizeIs(StateFolder::kMostCommits));
  EXPECT_EQ(read->commits.front().sequence, 11U);
  EXPECT_EQ(read->commits.back().sequence, kAll);
  EXPECT_EQ(read->commits.back().samples, 3U);
  {
    std::fstream file(folder / "batches", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(9 * 64 + 5);  // of the newest
    file << "x";
  }
  read = StateFolder::read(folder);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->commits.back().sequence, kAll - 1) << "less is claimed, never more";
  auto state = StateFolder::open(folder);
  ASSERT_TRUE(state.ok());
  EXPECT_TRUE(state->add({0, kAll + 5, Time{kAll + 5}, 1, 1}).ok());
  EXPECT_EQ(StateFolder::read(folder)->commits.back().sequence, kAll + 5);
}

TEST(StateFolder, AnUnreadableNameBeginsANewOne) {
  const test::ScratchFolder scratch;
  const std::filesystem::path folder = scratch.path() / "collector";
  std::string name;
  {
    auto state = StateFolder::open(folder);
    ASSERT_TRUE(state.ok());
    name = state->remembered().writer.name;
    ASSERT_TRUE(state->add({0, 5, Time{5}, 1, 1}).ok());
  }
  std::ofstream(folder / "writer.json") << "{";
  auto state = StateFolder::open(folder);
  ASSERT_TRUE(state.ok());
  EXPECT_NE(state->remembered().writer.name, name);
  EXPECT_THAT(state->remembered().commits, IsEmpty()) << "they were another's";
  EXPECT_THAT(state->damage(), HasSubstr("writer.json is missing or damaged")) << "what it held is not compared";
  EXPECT_THAT(StateFolder::open(scratch.path() / "new" / "collector")->damage(), IsEmpty()) << "made with its parent";
  std::ofstream(scratch.path() / "file") << "x";
  EXPECT_EQ(StateFolder::open(scratch.path() / "file" / "collector").status().code(), kPermanent);
}

TEST(Loss, IsReadAsItWasWritten) {
  Loss loss{"w", "h \"1\"", 4, 9, true, {{0, 5, Time{1'000'000}, 2, 3}, {0, 9, Time{2'000'000}, 4, 1}}};
  const auto read = Loss::parse(loss.json());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->json(), loss.json());
  EXPECT_EQ(read->key(), "w/4-9");
  EXPECT_EQ(loss.text(),
            "the 2 batches that h \"1\" wrote from 1970-01-01T00:00:01+00:00 to 1970-01-01T00:00:02+00:00 "
            "(4 samples of 6 messages), and earlier ones");
  loss.batches.resize(1);
  loss.more = false;
  EXPECT_EQ(loss.text(), "the batch that h \"1\" wrote at 1970-01-01T00:00:01+00:00 (3 samples of 2 messages)");
  EXPECT_FALSE(Loss::parse("{}"));
  EXPECT_FALSE(Loss::parse("[1]"));
}

}  // namespace
}  // namespace tally::collector
