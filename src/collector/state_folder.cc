// The files of a collector's state folder.
#include "collector/state_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <tally/kit/crc32c.h>
#include <tally/kit/json.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <limits>
#include <utility>

#include "base/json.h"
#include "base/status.h"

namespace tally::collector {
namespace {

// "NN SSSSSSSSSSSSSSSS TTTTTTTTTTTTTTTT MMMMMMMM AAAAAAAA CCCCCCCC\n": the thread's number, sequence, time in
// microseconds, messages, samples, and the CRC-32C of what stands before it, all hexadecimal.
constexpr std::size_t kLine = 64;
constexpr std::size_t kBeforeSum = 55;
constexpr std::int64_t kMostSequence = std::int64_t{1} << 62U;  // more is damage

std::string line_of(const Commit& commit) {
  std::array<char, kLine + 1> text{};
  std::snprintf(text.data(), text.size(), "%02x %016llx %016llx %08x %08x ", commit.number & 0xFFU,
                static_cast<unsigned long long>(commit.sequence), static_cast<unsigned long long>(commit.time.us),
                commit.messages, commit.samples);
  const std::string_view before(text.data(), kBeforeSum);
  std::snprintf(text.data() + kBeforeSum, kLine + 1 - kBeforeSum, "%08x\n", crc32c(before));
  return {text.data(), kLine};
}

template <class Number>
bool hex(std::string_view digits, Number& number) {
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return fault == std::errc() && end == digits.data() + digits.size();
}

std::optional<Commit> commit_of(std::string_view line) {
  Commit commit;
  std::uint64_t time = 0;
  std::uint32_t sum = 0;
  if (line.size() != kLine || line.back() != '\n' || !hex(line.substr(kBeforeSum, 8), sum) ||
      sum != crc32c(line.substr(0, kBeforeSum)) || !hex(line.substr(0, 2), commit.number) ||
      !hex(line.substr(3, 16), commit.sequence) || !hex(line.substr(20, 16), time) ||
      !hex(line.substr(37, 8), commit.messages) || !hex(line.substr(46, 8), commit.samples)) {
    return std::nullopt;
  }
  commit.time = Time{static_cast<std::int64_t>(time)};
  return commit;
}

struct Ring {
  std::vector<Commit> commits;  // oldest first
  std::size_t damaged = 0;      // lines that are neither empty nor whole
  std::size_t next = 0;
};

Ring read_ring(int fd) {
  const std::string bytes = read_at(fd, 0, StateFolder::kMostCommits * kLine);
  Ring ring;
  Time newest{std::numeric_limits<std::int64_t>::min()};
  std::optional<std::size_t> hole;
  for (std::size_t i = 0; i < StateFolder::kMostCommits; ++i) {
    const std::string_view rest = std::string_view(bytes).substr(std::min(i * kLine, bytes.size()), kLine);
    const std::optional<Commit> commit = commit_of(rest);
    if (!commit) {
      if (rest.find_first_not_of('\0') != rest.npos) ++ring.damaged;
      if (!hole) hole = i;
      continue;
    }
    if (commit->time.us >= newest.us) {
      newest = commit->time;
      ring.next = (i + 1) % StateFolder::kMostCommits;
    }
    ring.commits.push_back(*commit);
  }
  if (hole) ring.next = *hole;
  std::ranges::stable_sort(ring.commits, {}, [](const Commit& commit) { return commit.time.us; });
  return ring;
}

std::string json_of(const WriterRecord& writer) {
  std::string losses;
  for (const Loss& loss : writer.losses) losses += (losses.empty() ? "" : ",") + loss.json();
  JsonWriter json;
  json.number("version", 1).text("writer", writer.name).text("store_id", writer.store_id).text("store", writer.store);
  json.text("place", writer.place).number("begun", static_cast<std::int64_t>(writer.begun));
  return json.raw("losses", "[" + losses + "]").str() + "\n";
}

std::optional<WriterRecord> writer_of(std::string_view text) {
  const std::optional<Json> json = Json::parse(text);
  if (!json) return std::nullopt;
  const auto member = [&](std::string_view key) {
    const Json* value = json->at(key);
    return value == nullptr ? std::string() : std::string(value->text().value_or(""));
  };
  WriterRecord writer{member("writer"), member("store_id"), member("store"), {}, member("place")};
  const Json* begun = json->at("begun");
  const std::int64_t number = begun == nullptr ? 0 : begun->integer().value_or(0);
  writer.begun = number < 0 || number > kMostSequence ? 0 : static_cast<std::uint64_t>(number);
  const Json* losses = json->at("losses");
  if (writer.name.size() != 30 || losses == nullptr) return std::nullopt;
  for (const Json& one : losses->items()) {
    std::optional<Loss> loss = Loss::parse(one.raw());
    if (!loss) return std::nullopt;
    writer.losses.push_back(*std::move(loss));
  }
  return writer;
}

constexpr std::size_t kLongestRecord = std::size_t{16} << 20U;

std::string read_file(const std::filesystem::path& path) {
  const Fd fd = open_file(path, O_RDONLY);
  return fd ? read_at(fd.get(), 0, kLongestRecord) : std::string();
}

absl::Status cannot(const std::filesystem::path& path, const std::string& what, int error) {
  return permanent(path.string() + ": cannot " + what + ": " + system_error_text(error));
}

}  // namespace

absl::StatusOr<StateFolder> StateFolder::open(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::create_directories(folder.parent_path(), ignored);  // what fails is told by the next line
  const bool made = ::mkdir(folder.c_str(), 0750) == 0;
  if (!made && errno != EEXIST) return cannot(folder, "be made", errno);
  StateFolder state;
  state.folder_ = folder;
  state.lock_ = open_file(folder / "lock", O_RDWR | O_CREAT);
  if (!state.lock_) return cannot(folder / "lock", "be opened", errno);
  if (::flock(state.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return permanent(folder.string() + " is in use by another collector");
  }
  state.batches_ = open_file(folder / "batches", O_RDWR | O_CREAT);
  if (!state.batches_) return cannot(folder / "batches", "be opened", errno);
  // Its room is taken now, so that a full disk costs no line of it later.
  static_cast<void>(::posix_fallocate(state.batches_.get(), 0, kMostCommits * kLine));
  Ring ring = read_ring(state.batches_.get());
  const std::string record = read_file(folder / "writer.json");
  std::optional<WriterRecord> writer = writer_of(record);
  if (ring.damaged > 0)
    state.damage_ = std::to_string(ring.damaged) + " lines of " + (folder / "batches").string() + " are damaged";
  if (!writer && (!record.empty() || !ring.commits.empty()))
    state.damage_ = (folder / "writer.json").string() + " is missing or damaged";
  if (!writer) {  // a new folder, or one whose batches are nobody's any more
    writer = WriterRecord{random_id().substr(0, 30), "", "", {}};
    if (absl::Status status = state.put(*writer); !status.ok()) return status;
    if (absl::Status status = state.forget_commits(); !status.ok()) return status;
    ring = {};
  }
  state.next_ = ring.next;
  state.remembered_ = {*std::move(writer), std::move(ring.commits)};
  return state;
}

std::optional<Remembered> StateFolder::read(const std::filesystem::path& folder) {
  std::optional<WriterRecord> writer = writer_of(read_file(folder / "writer.json"));
  const Fd batches = open_file(folder / "batches", O_RDONLY);
  if (!writer || !batches) return std::nullopt;
  return Remembered{*std::move(writer), read_ring(batches.get()).commits};
}

std::string StateFolder::place(const std::string& host) const {
  struct stat found {};
  return host + "/" + (::stat(folder_.c_str(), &found) == 0 ? std::to_string(found.st_ino) : "");
}

absl::Status StateFolder::put(const WriterRecord& writer) {
  const std::filesystem::path path = folder_ / "writer.json", fresh = folder_ / "writer.json.new";
  {
    const Fd fd = open_file(fresh, O_WRONLY | O_CREAT | O_TRUNC);
    if (!fd || !write_at(fd.get(), json_of(writer), 0) || ::fsync(fd.get()) != 0) {
      return cannot(fresh, "be written", errno);
    }
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0 || !sync_folder(folder_)) {
    return cannot(path, "be written", errno);
  }
  return absl::OkStatus();
}

absl::Status StateFolder::add(const Commit& commit) {
  if (!write_at(batches_.get(), line_of(commit), next_ * kLine)) {
    return cannot(folder_ / "batches", "be written", errno);
  }
  next_ = (next_ + 1) % kMostCommits;
  return absl::OkStatus();
}

absl::Status StateFolder::forget_commits() {
  next_ = 0;
  if (::ftruncate(batches_.get(), 0) != 0) return cannot(folder_ / "batches", "be emptied", errno);
  static_cast<void>(::posix_fallocate(batches_.get(), 0, kMostCommits * kLine));
  return absl::OkStatus();
}

}  // namespace tally::collector
