// The SQLite driver as a collector has it: what every driver must do, and files that are shared, killed, full or
// foreign. Not for its inner parts: see test_internals.cc.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "support/storage_conformance.h"
#include "support/storage_place.h"

namespace tally::test {
namespace {

class SqlitePlace : public StoragePlace {
 public:
  std::unique_ptr<StorageDriver> open() override { return open_built_storage("sqlite://" + file()); }
  std::string file() const { return (folder_.path() / "tally.db").string(); }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  ScratchFolder folder_;
};

std::unique_ptr<StoragePlace> make_place() { return std::make_unique<SqlitePlace>(); }

INSTANTIATE_TEST_SUITE_P(Sqlite, StorageConformance, ::testing::Values(&make_place));
INSTANTIATE_TEST_SUITE_P(Sqlite, StorageRecords, ::testing::Values(&make_place));

constexpr int kBatch = 50;

absl::Status write_batch(StorageDriver& storage, int first, int count = kBatch) {
  std::vector<Sample> samples;
  for (int i = first; i < first + count; ++i)
    samples.push_back(make_sample(i, "cpu", "0.1", i, i % 2 == 0 ? "a" : "b"));
  return storage.write(as_rows(samples).view(), [&](std::span<const RowResult> results) {
    Conclusion conclusion;
    for (const RowResult& result : results) {
      conclusion.entries.push_back(
          {1, "bus", "samples", result.status == RowStatus::stored ? "stored" : "duplicate", 1});
    }
    return conclusion;
  });
}

std::string count(StorageDriver& storage) {
  const Rows rows = query_of(storage, {.kind = QueryKind::statistics});
  return rows.empty() ? "0" : value(rows[0], "count");
}

// The books' count of an outcome.
std::string booked(StorageDriver& storage, const std::string& outcome) {
  for (const AnswerRow& row : query_of(storage, {.kind = QueryKind::books})) {
    if (value(row, "outcome") == outcome) return value(row, "count");
  }
  return "0";
}

absl::Status check(StorageDriver& storage) {
  return storage.prepare(Prepare::check, [](std::span<const Cell>) { return true; });
}

// Runs `work` in a child process; its exit status is what `work` returns.
template <class Work>
pid_t child(Work work) {
  const pid_t pid = fork();
  if (pid == 0) _exit(work());
  return pid;
}

int exit_status(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

TEST(SqliteFile, TwoProcessesWriteOneFile) {
  SqlitePlace place;
  constexpr int kBatches = 40;
  // Both from the first moment, which makes the file, and half of what each writes is also the other's.
  const auto work = [&](int first) {
    return child([&place, first] {
      const std::unique_ptr<StorageDriver> storage = place.open();
      for (int i = 0; i < kBatches; ++i) {
        absl::Status status = write_batch(*storage, first + i * kBatch);
        while (status.code() == kTransient) status = write_batch(*storage, first + i * kBatch);
        if (!status.ok()) return 1;
      }
      return 0;
    });
  };
  const pid_t one = work(0);
  const pid_t two = work(kBatches * kBatch / 2);
  EXPECT_EQ(exit_status(one), 0);
  EXPECT_EQ(exit_status(two), 0);
  const std::unique_ptr<StorageDriver> storage = place.open();
  EXPECT_OK(check(*storage));
  EXPECT_EQ(count(*storage), std::to_string(kBatches * kBatch * 3 / 2));
  EXPECT_EQ(booked(*storage, "stored"), std::to_string(kBatches * kBatch * 3 / 2));
  EXPECT_EQ(booked(*storage, "duplicate"), std::to_string(kBatches * kBatch / 2));
}

TEST(SqliteFile, AKillLosesNothingThatWasAnswered) {
  SqlitePlace place;
  for (int round = 0; round < 5; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t pid = child([&] {
      const std::unique_ptr<StorageDriver> storage = place.open();
      for (int next = round * 100'000;; next += kBatch) {
        if (!write_batch(*storage, next).ok() || ::write(ends[1], "a", 1) != 1) return 1;
      }
    });
    close(ends[1]);
    char byte = 0;
    int answered = 0;
    for (; answered < 7 + 5 * round && ::read(ends[0], &byte, 1) == 1; ++answered) {
    }
    ASSERT_EQ(answered, 7 + 5 * round);
    kill(pid, SIGKILL);
    exit_status(pid);
    while (::read(ends[0], &byte, 1) == 1) ++answered;
    close(ends[0]);

    const std::unique_ptr<StorageDriver> storage = place.open();
    EXPECT_OK(check(*storage));
    const Rows rows = query_of(*storage, {.kind = QueryKind::statistics, .start = at(round * 100'000)});
    ASSERT_THAT(rows, SizeIs(1));
    const int kept = std::stoi(value(rows[0], "count"));
    EXPECT_GE(kept, answered * kBatch) << "all that was answered";
    EXPECT_LE(kept, (answered + 1) * kBatch) << "and at most the one being written";
    EXPECT_EQ(kept % kBatch, 0) << "batches are whole";
    EXPECT_EQ(count(*storage), booked(*storage, "stored"));
  }
}

TEST(SqliteFile, AFullDiskIsTransientAndCommitsNothing) {
  SqlitePlace place;
  const std::unique_ptr<StorageDriver> storage = place.open();
  ASSERT_OK(write_batch(*storage, 0));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{std::filesystem::file_size(place.file() + "-wal") + 8192, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status full = write_batch(*storage, 1000, 5000);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(full.code(), kTransient) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr(place.file()));

  EXPECT_EQ(count(*storage), "50");
  EXPECT_OK(write_batch(*storage, 1000, 5000)) << "the same instance goes on when there is room";
  EXPECT_EQ(count(*storage), "5050");
  EXPECT_EQ(booked(*storage, "stored"), "5050");
  EXPECT_EQ(booked(*storage, "duplicate"), "0");
  EXPECT_OK(check(*storage));
}

TEST(SqliteFile, AWriterThatHoldsTheFileIsWaitedForAndThenTransient) {
  SqlitePlace place;
  const std::unique_ptr<StorageDriver> storage = place.open();
  ASSERT_OK(write_batch(*storage, 0));
  // While one instance is inside its transaction, another one writes: it waits out its busy_timeout.
  const std::unique_ptr<StorageDriver> other =
      open_built_storage("sqlite://" + place.file(), {{"busy_timeout", "0.2"}});
  absl::Status status;
  const auto conclude = [&](std::span<const RowResult>) {
    status = write_batch(*other, 500);
    return Conclusion();
  };
  EXPECT_OK(storage->write({}, conclude));
  EXPECT_EQ(status.code(), kTransient) << status;
  EXPECT_OK(write_batch(*other, 500));
}

TEST(SqliteFile, AQuerySeesOneSnapshot) {
  SqlitePlace place;
  const std::unique_ptr<StorageDriver> storage = place.open();
  const std::unique_ptr<StorageDriver> other = place.open();
  ASSERT_OK(write_batch(*storage, 0));
  int seen = 0;
  EXPECT_OK(storage->query({.kind = QueryKind::samples}, [&](std::span<const Cell>) {
    if (seen++ == 0) {
      EXPECT_OK(write_batch(*other, 5000)) << "a reader stops no writer";
    }
    return true;
  }));
  EXPECT_EQ(seen, kBatch);
}

TEST(SqliteFile, AFileThatWasReplacedIsNotWrittenToInTheDark) {
  SqlitePlace place;
  const std::unique_ptr<StorageDriver> storage = place.open();
  ASSERT_OK(write_batch(*storage, 0));
  for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(place.file() + end);
  const absl::Status status = write_batch(*storage, 50);
  EXPECT_EQ(status.code(), kTransient) << status;
  EXPECT_OK(write_batch(*storage, 50)) << "a new file";
  EXPECT_EQ(count(*place.open()), "50");
}

// Writes a number in the file's header, most significant byte first.
void patch_header(const std::string& file, int offset, unsigned number) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(offset);
  for (const int shift : {24, 16, 8, 0}) stream.put(static_cast<char>(number >> shift & 0xFFU));
  ASSERT_TRUE(stream.flush());
}

constexpr int kUserVersion = 60;
constexpr int kApplicationId = 68;

TEST(SqliteFile, ANewerSchemaIsRefusedWithBothVersions) {
  SqlitePlace place;
  ASSERT_OK(write_batch(*place.open(), 0));
  patch_header(place.file(), kUserVersion, 99);
  const absl::Status status = write_batch(*place.open(), 50);
  EXPECT_EQ(status.code(), kTransient) << "no batch is at fault: the host waits";
  EXPECT_THAT(std::string(status.message()), HasSubstr("schema version 99"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("knows up to 4"));
  EXPECT_EQ(check(*place.open()).code(), kPermanent);
}

TEST(SqliteFile, AnotherProgramsDatabaseIsLeftAlone) {
  SqlitePlace place;
  ASSERT_OK(write_batch(*place.open(), 0));
  patch_header(place.file(), kApplicationId, 1);
  const absl::Status status = write_batch(*place.open(), 50);
  EXPECT_EQ(status.code(), kTransient);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another program"));
  EXPECT_EQ(check(*place.open()).code(), kPermanent);
}

TEST(SqliteFile, WhatIsNoDatabaseOrDamagedIsWaitedForAndPermanentToWhoAsks) {
  SqlitePlace place;
  std::ofstream(place.file()) << std::string(8192, 'x');
  EXPECT_EQ(write_batch(*place.open(), 0).code(), kTransient);
  EXPECT_EQ(check(*place.open()).code(), kPermanent);
  std::filesystem::remove(place.file());
  ASSERT_OK(write_batch(*place.open(), 0, 5000));
  {
    std::fstream stream(place.file(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(std::filesystem::file_size(place.file()) / 2));
    stream << std::string(40'000, 'x');
  }
  EXPECT_EQ(check(*place.open()).code(), kPermanent);
}

TEST(SqliteFile, SaysWhatIsMissing) {
  SqlitePlace place;
  const absl::Status no_file =
      place.open()->query({.kind = QueryKind::meters}, [](std::span<const Cell>) { return true; });
  EXPECT_THAT(std::string(no_file.message()), HasSubstr("storage init"));
  EXPECT_FALSE(std::filesystem::exists(place.file())) << "asking makes no file";
  EXPECT_EQ(check(*place.open()).code(), kPermanent);

  const absl::Status no_folder =
      write_batch(*open_built_storage("sqlite://" + place.folder().string() + "/no/x.db"), 0);
  EXPECT_EQ(no_folder.code(), kTransient);
  EXPECT_THAT(std::string(no_folder.message()), HasSubstr("no/ does not exist"));
}

}  // namespace
}  // namespace tally::test
