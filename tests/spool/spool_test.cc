// The spool under restarts, kills, damage and a full disk.
// Not for its users: the local transport and the agent have tests of their own.
#include "spool/spool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <random>
#include <set>
#include <vector>

namespace tally {
namespace {

namespace fs = std::filesystem;

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    // In memory where there is such a place: these tests sync thousands of times.
    std::string path =
        (::access("/dev/shm", W_OK) == 0 ? std::string("/dev/shm") : testing::TempDir()) + "/tally-spool-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    base_ = path;
    folder_ = base_ / "spool";
  }
  ~SpoolTest() override { fs::remove_all(base_); }

  std::unique_ptr<spool::Spool> open(const spool::SpoolOptions& options = {}) { return open_at(folder_, options); }

  static std::unique_ptr<spool::Spool> open_at(const fs::path& folder, const spool::SpoolOptions& options = {}) {
    spool::SpoolStatus status;
    auto spool = spool::Spool::open(folder, options, status);
    EXPECT_TRUE(status.ok()) << status.text;
    return spool;
  }

  static void add(spool::Spool& spool, int first, int end, std::size_t size = 0) {
    for (int i = first; i < end; ++i) {
      std::string body = "record " + std::to_string(i) + " ";
      if (body.size() < size) body.resize(size, '.');
      ASSERT_TRUE(spool.append(body).ok());
    }
    ASSERT_TRUE(spool.sync().ok());
  }

  // The numbers of the records that can be read, as add() gave them.
  static std::vector<int> drain(spool::Spool& spool, bool acknowledge = false) {
    std::vector<int> numbers;
    spool::SpoolRecord record;
    while (spool.next(record)) {
      numbers.push_back(std::stoi(record.body.substr(7)));
      if (acknowledge) spool.acknowledge(record.sequence);
    }
    return numbers;
  }

  static std::vector<int> range(int first, int end) {
    std::vector<int> numbers;
    for (int i = first; i < end; ++i) numbers.push_back(i);
    return numbers;
  }

  static std::vector<fs::path> segments(const fs::path& folder) {
    std::set<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".seg") found.insert(entry.path());
    }
    return {found.begin(), found.end()};
  }

  static std::string slurp(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  static void spill(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  fs::path base_;
  fs::path folder_;
};

TEST_F(SpoolTest, ChecksumIsCrc32c) { EXPECT_EQ(crc32c("123456789"), 0xE3069283U); }

TEST_F(SpoolTest, ReadsOnlyWhatIsDurableOldestFirst) {
  const auto spool = open();
  ASSERT_TRUE(spool->append("record 0").ok());
  spool::SpoolRecord record;
  EXPECT_FALSE(spool->next(record));
  ASSERT_TRUE(spool->sync().ok());
  add(*spool, 1, 5);
  EXPECT_EQ(drain(*spool), range(0, 5));
  EXPECT_EQ(spool->pending(), 5U);
  add(*spool, 5, 7);
  EXPECT_EQ(drain(*spool), range(5, 7));
}

TEST_F(SpoolTest, UnsyncedRecordsAreNotThereAfterARestart) {
  auto spool = open();
  add(*spool, 0, 2);
  ASSERT_TRUE(spool->append("record 2").ok());
  spool.reset();
  EXPECT_EQ(drain(*open()), range(0, 2));
}

TEST_F(SpoolTest, AcknowledgedInAnyOrderStaysSoOverARestart) {
  auto spool = open();
  add(*spool, 0, 10);
  EXPECT_EQ(drain(*spool).size(), 10U);
  for (std::uint64_t sequence : {10, 2, 4, 3, 7}) spool->acknowledge(sequence);
  EXPECT_EQ(spool->pending(), 5U);
  spool.reset();
  spool = open();
  EXPECT_EQ(drain(*spool), (std::vector<int>{0, 4, 5, 7, 8}));
  EXPECT_EQ(spool->damaged(), 0U);
}

TEST_F(SpoolTest, SaysWhatWasGivenBefore) {
  auto spool = open();
  add(*spool, 0, 3);
  spool::SpoolRecord record;
  ASSERT_TRUE(spool->next(record));
  EXPECT_FALSE(record.again);
  spool->requeue(record.sequence);
  ASSERT_TRUE(spool->next(record));
  EXPECT_EQ(record.body, "record 0 ");
  EXPECT_TRUE(record.again);
  const auto generation = spool->generation();
  spool.reset();
  spool = open();
  EXPECT_EQ(spool->generation(), generation + 1);
  ASSERT_TRUE(spool->next(record));
  EXPECT_TRUE(record.again);
  ASSERT_TRUE(spool->next(record));
  EXPECT_FALSE(record.again);
}

TEST_F(SpoolTest, AnotherProcessIsKeptOut) {
  const auto spool = open();
  spool::SpoolStatus status;
  EXPECT_EQ(spool::Spool::open(folder_, {}, status), nullptr);
  EXPECT_EQ(status.code, spool::SpoolCode::transient);
  EXPECT_NE(status.text.find("holds this spool"), std::string::npos) << status.text;
}

TEST_F(SpoolTest, GoesAcrossSegmentsAndRemovesThoseThatAreDone) {
  const spool::SpoolOptions options{.capacity_bytes = 1 << 20, .segment_bytes = 500};
  auto spool = open(options);
  for (int i = 0; i < 50; ++i) add(*spool, i, i + 1, 100);
  EXPECT_GT(segments(folder_).size(), 5U);
  spool.reset();
  spool = open(options);
  EXPECT_EQ(drain(*spool, true), range(0, 50));
  EXPECT_LE(segments(folder_).size(), 1U);
  EXPECT_EQ(spool->pending(), 0U);
  EXPECT_LE(spool->bytes(), 700U);
  add(*spool, 50, 60, 100);
  EXPECT_EQ(drain(*spool), range(50, 60));
}

TEST_F(SpoolTest, FullIsSaidAndNothingIsOverwritten) {
  const spool::SpoolOptions options{.capacity_bytes = 2000, .segment_bytes = 400};
  const auto spool = open(options);
  int kept = 0;
  while (spool->append("record " + std::to_string(kept) + std::string(90, ' ')).ok()) {
    ++kept;
    ASSERT_TRUE(spool->sync().ok());
    ASSERT_LT(kept, 100);
  }
  EXPECT_GT(kept, 10);
  EXPECT_EQ(spool->append("record 99").code, spool::SpoolCode::ok);  // a short one still has room
  ASSERT_TRUE(spool->sync().ok());
  EXPECT_EQ(spool->append(std::string(90, ' ')).code, spool::SpoolCode::full);
  EXPECT_EQ(spool->append(std::string(3000, ' ')).code, spool::SpoolCode::too_large);
  EXPECT_LE(spool->bytes(), 2000U);
  auto expected = range(0, kept);
  expected.push_back(99);
  EXPECT_EQ(drain(*spool, true), expected);
  EXPECT_TRUE(spool->append(std::string(1900, ' ')).ok());  // all the room is back
}

TEST_F(SpoolTest, EveryTruncationKeepsTheWholeRecordsBefore) {
  {
    const auto spool = open();
    add(*spool, 0, 6, 20);
  }
  const auto file = segments(folder_).at(0);
  const std::string whole = slurp(file);
  constexpr std::size_t kRecord = spool::kHeaderBytes + 20;
  ASSERT_EQ(whole.size(), 6 * kRecord);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto copy = base_ / "copy";
    fs::remove_all(copy);
    fs::create_directory(copy);
    spill(copy / file.filename(), whole.substr(0, size));
    auto spool = open_at(copy);
    ASSERT_NE(spool, nullptr);
    const int left = static_cast<int>(size / kRecord);
    ASSERT_EQ(drain(*spool), range(0, left)) << size;
    ASSERT_EQ(spool->torn_bytes(), size % kRecord) << size;
    add(*spool, 100, 103);
    ASSERT_EQ(drain(*spool), range(100, 103));
    spool.reset();
    auto expected = range(0, left);
    for (int i = 100; i < 103; ++i) expected.push_back(i);
    ASSERT_EQ(drain(*open_at(copy)), expected) << size;
  }
}

TEST_F(SpoolTest, AnyFlippedBitLosesOneRecordAtMostAndIsCounted) {
  {
    const auto spool = open({.capacity_bytes = 1 << 20, .segment_bytes = 300});
    for (int i = 0; i < 12; ++i) add(*spool, i, i + 1, 30);
  }
  const auto files = segments(folder_);
  ASSERT_GE(files.size(), 2U);
  std::mt19937 random(7);
  for (int round = 0; round < 1500; ++round) {
    const auto copy = base_ / "copy";
    fs::remove_all(copy);
    fs::copy(folder_, copy);
    const auto victim = copy / files[random() % files.size()].filename();
    std::string bytes = slurp(victim);
    const std::size_t at = random() % (bytes.size() * 8);
    bytes[at / 8] = static_cast<char>(bytes[at / 8] ^ (1 << (at % 8)));
    spill(victim, bytes);
    const auto spool = open_at(copy);
    ASSERT_NE(spool, nullptr);
    const auto numbers = drain(*spool, true);
    ASSERT_EQ(numbers.size(), 11U) << victim << " bit " << at;
    ASSERT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
    ASSERT_TRUE(spool->damaged() == 1 || spool->torn_bytes() > 0) << victim << " bit " << at;
    ASSERT_EQ(spool->pending(), 0U);
  }
}

TEST_F(SpoolTest, RubbishInEveryFileIsNoReasonNotToStart) {
  {
    const auto spool = open({.capacity_bytes = 1 << 20, .segment_bytes = 300});
    for (int i = 0; i < 30; ++i) add(*spool, i, i + 1, 50);
  }
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    const auto copy = base_ / "copy";
    fs::remove_all(copy);
    fs::copy(folder_, copy);
    for (const auto& entry : fs::directory_iterator(copy)) {
      std::string bytes = slurp(entry.path());
      const std::size_t start = bytes.empty() ? 0 : random() % bytes.size();
      for (std::size_t i = start; i < std::min(bytes.size(), start + 64); ++i) bytes[i] = static_cast<char>(random());
      spill(entry.path(), bytes);
    }
    const auto spool = open_at(copy);
    ASSERT_NE(spool, nullptr);
    for (int number : drain(*spool, true)) ASSERT_TRUE(number >= 0 && number < 30);
    ASSERT_EQ(spool->pending(), 0U);
    add(*spool, 40, 42);
    ASSERT_EQ(drain(*spool), range(40, 42));
  }
}

TEST_F(SpoolTest, AbsurdSequencesAreNotBelieved) {
  fs::create_directories(folder_);
  std::string marks(spool::kMarksMagic);
  for (int i = 0; i < 4; ++i) spool::put64(marks, UINT64_MAX);
  spool::put64(marks, 1);
  for (int i = 0; i < 2; ++i) spool::put64(marks, UINT64_MAX);
  spool::put32(marks, crc32c(marks));
  std::ofstream(folder_ / "marks.0", std::ios::binary) << marks;
  std::string record;
  spool::put_record(record, 7, UINT64_MAX, "record 99");
  std::ofstream(folder_ / spool::segment_file({5, 7}), std::ios::binary) << record;
  std::ofstream(folder_ / spool::segment_file({UINT64_MAX, 7}), std::ios::binary) << record;
  for (int round = 0; round < 2; ++round) {
    const auto spool = open();
    EXPECT_EQ(spool->pending(), 0U);
    add(*spool, 1, 3);
    EXPECT_EQ(drain(*spool, true), range(1, 3));
    EXPECT_EQ(spool->pending(), 0U);
  }
}

TEST_F(SpoolTest, ABodyThatLooksLikeARecordIsNeverTakenForOne) {
  std::string inner;
  spool::put_record(inner, 0, 2, "forged");
  auto spool = open();
  ASSERT_TRUE(spool->append(inner).ok());
  ASSERT_TRUE(spool->append("honest").ok());
  ASSERT_TRUE(spool->sync().ok());
  spool.reset();
  const auto file = segments(folder_).at(0);
  std::string bytes = slurp(file);
  bytes[5] = static_cast<char>(bytes[5] ^ 1);  // the outer header is damaged: the search runs over the body
  spill(file, bytes);
  spool = open();
  spool::SpoolRecord record;
  ASSERT_TRUE(spool->next(record));
  EXPECT_EQ(record.body, "honest");
  EXPECT_FALSE(spool->next(record));
  EXPECT_EQ(spool->damaged(), 1U);
}

TEST_F(SpoolTest, TornMarksFallBackToTheOnesBefore) {
  auto spool = open();
  add(*spool, 0, 4);
  drain(*spool);
  spool->acknowledge(1);
  ASSERT_TRUE(spool->persist().ok());
  spool->acknowledge(2);
  ASSERT_TRUE(spool->persist().ok());
  spool.reset();
  int hurt = 0;
  for (const char* name : {"marks.0", "marks.1"}) {
    const auto marks = spool::Marks::decode(slurp(folder_ / name));
    ASSERT_TRUE(marks.has_value());
    if (marks->prefix != 2) continue;
    fs::resize_file(folder_ / name, 20);
    ++hurt;
  }
  ASSERT_EQ(hurt, 1);
  EXPECT_EQ(drain(*open()), range(1, 4));
}

// RLIMIT_FSIZE stands in for a full disk: write() fails part of the way, with EFBIG.
TEST_F(SpoolTest, NoRoomOnTheDiskIsTransientAndLeavesNoHalfRecord) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto spool = open();
  add(*spool, 0, 3, 100);
  const rlimit tight{500, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  ASSERT_TRUE(spool->append("record 3" + std::string(300, ' ')).ok());
  ASSERT_TRUE(spool->append("record 4").ok());
  const spool::SpoolStatus failed = spool->sync();
  const auto meanwhile = drain(*spool);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(failed.code, spool::SpoolCode::transient);
  EXPECT_NE(failed.text.find("cannot write"), std::string::npos) << failed.text;
  EXPECT_EQ(meanwhile, range(0, 3));
  add(*spool, 5, 7);
  EXPECT_EQ(drain(*spool), range(5, 7));
  spool.reset();
  spool = open();
  EXPECT_EQ(drain(*spool), (std::vector<int>{0, 1, 2, 5, 6}));
  EXPECT_EQ(spool->damaged() + spool->torn_bytes(), 0U);
}

TEST_F(SpoolTest, AFirstSegmentThatCannotBeWrittenIsSkippedWithoutATrace) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto spool = open();
  const rlimit tight{100, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  ASSERT_TRUE(spool->append(std::string(300, ' ')).ok());
  const spool::SpoolStatus failed = spool->sync();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(failed.code, spool::SpoolCode::transient);
  EXPECT_TRUE(segments(folder_).empty());
  add(*spool, 0, 2);
  EXPECT_EQ(drain(*spool), range(0, 2));
  EXPECT_EQ(spool->damaged(), 0U);
}

// A process is killed at an arbitrary moment; whatever it said was durable is there.
TEST_F(SpoolTest, AKillLosesNothingThatWasSynced) {
  const spool::SpoolOptions options{.capacity_bytes = 64 << 20, .segment_bytes = 4096};
  for (int round = 0; round < 8; ++round) {
    fs::remove_all(folder_);
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      spool::SpoolStatus status;
      auto spool = spool::Spool::open(folder_, options, status);
      for (int i = 0;; ++i) {
        if (!spool->append("record " + std::to_string(i) + std::string(50, ' ')).ok()) ::_exit(1);
        if (i % 3 != 2) continue;
        if (!spool->sync().ok() || ::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(1);
      }
    }
    ::close(pipe_ends[1]);
    int synced = -1;
    for (int reads = 0; reads < 20 + round * 13; ++reads) ASSERT_EQ(::read(pipe_ends[0], &synced, sizeof synced), 4);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    while (::read(pipe_ends[0], &synced, sizeof synced) == sizeof synced) continue;
    ::close(pipe_ends[0]);
    const auto spool = open(options);
    const auto numbers = drain(*spool);
    ASSERT_GT(static_cast<int>(numbers.size()), synced);
    EXPECT_EQ(numbers, range(0, static_cast<int>(numbers.size())));
    EXPECT_EQ(spool->damaged(), 0U);
  }
}

// Against a plain model: what is pending must be what was synced and not acknowledged, over many restarts.
TEST_F(SpoolTest, AgreesWithAModelOverRandomDoings) {
  const spool::SpoolOptions options{.capacity_bytes = 8000, .segment_bytes = 700};
  std::mt19937 random(3);
  auto spool = open(options);
  std::set<int> pending;
  std::vector<int> group;
  std::map<std::uint64_t, int> held;
  int number = 0;
  for (int step = 0; step < 20000; ++step) {
    const auto choice = random() % 100;
    if (choice < 45) {
      std::string body = "record " + std::to_string(number) + std::string(random() % 60, ' ');
      if (spool->append(body).ok()) group.push_back(number++);
    } else if (choice < 60) {
      ASSERT_TRUE(spool->sync().ok());
      pending.insert(group.begin(), group.end());
      group.clear();
    } else if (choice < 78) {
      spool::SpoolRecord record;
      if (spool->next(record)) held[record.sequence] = std::stoi(record.body.substr(7));
    } else if (choice < 97) {
      if (held.empty()) continue;
      const auto one = std::next(held.begin(), static_cast<long>(random() % held.size()));
      if (random() % 5 == 0) {
        spool->requeue(one->first);
      } else {
        spool->acknowledge(one->first);
        pending.erase(one->second);
        held.erase(one);
      }
    } else if (random() % 5 == 0) {
      spool.reset();
      spool = open(options);
      group.clear();
      held.clear();
    }
    ASSERT_EQ(spool->pending(), pending.size()) << step;
    ASSERT_LE(spool->bytes(), 8000U);
  }
  group.clear();
  spool.reset();
  spool = open(options);
  EXPECT_EQ(drain(*spool), std::vector<int>(pending.begin(), pending.end()));
  EXPECT_EQ(spool->damaged(), 0U);
}

}  // namespace
}  // namespace tally
