#include "spool/spool.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <random>
#include <utility>
#include <vector>

namespace tally::spool {

Spool::Spool(std::filesystem::path folder, const SpoolOptions& options)
    : folder_(std::move(folder)), options_(options) {
  options_.segment_bytes = std::max<std::uint64_t>(1, std::min(options_.segment_bytes, options_.capacity_bytes / 4));
}

Spool::~Spool() { static_cast<void>(persist(true)); }

std::unique_ptr<Spool> Spool::open(const std::filesystem::path& folder, const SpoolOptions& options,
                                   SpoolStatus& status) {
  std::unique_ptr<Spool> spool(new Spool(folder, options));
  status = spool->start();
  if (!status.ok()) spool.reset();
  return spool;
}

SpoolStatus Spool::start() {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) return failed(folder_, "make the spool's folder", error.value());
  lock_ = open_file(folder_ / "lock", O_RDWR | O_CREAT);
  if (!lock_) return failed(folder_ / "lock", "open the spool's lock", errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error_number = errno;
    lock_.close();
    if (error_number != EWOULDBLOCK) return failed(folder_ / "lock", "lock the spool", error_number);
    return {SpoolCode::transient,
            folder_.string() + ": another process holds this spool; end it, or name another folder"};
  }
  load_marks();
  if (const SpoolStatus status = load_segments(); !status.ok()) return status;
  cut_tail();
  next_sequence_ = std::max({durable_next_, marks_.highest() + 1, marks_.handed + 1});
  if (next_sequence_ > durable_next_) {  // acknowledged or handed out once, and gone since: not to be waited for
    marks_.finish(durable_next_, next_sequence_ - 1);
    durable_next_ = next_sequence_;
  }
  const std::uint64_t oldest = segments_.empty() ? durable_next_ : segments_.begin()->first;
  if (oldest > marks_.prefix + 1) marks_.finish(marks_.prefix + 1, oldest - 1);
  trim(true);
  read_segment_ = segments_.empty() ? durable_next_ : segments_.begin()->first;
  read_expected_ = read_segment_;
  handed_before_ = marks_.handed;
  ++marks_.opened;
  marks_changed_ = true;
  static_cast<void>(persist());  // a full disk is no reason not to start: reading makes room
  return {};
}

void Spool::load_marks() {
  for (int i = 0; i < 2; ++i) {
    const auto path = folder_ / (i == 0 ? "marks.0" : "marks.1");
    marks_files_[i] = open_file(path, O_RDWR | O_CREAT);
    if (!marks_files_[i]) continue;  // `persist` says so
    const auto marks = Marks::decode(read_at(marks_files_[i].get(), 0, 64 + 16 * kMostRanges));
    if (marks && marks->generation >= marks_.generation) marks_ = *marks;
  }
}

SpoolStatus Spool::load_segments() {
  std::error_code error;
  std::filesystem::directory_iterator at(folder_, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const auto name = parse_segment_file(at->path().filename().string());
    if (!name || name->first == 0) continue;
    std::error_code size_error;
    const std::uint64_t size = at->file_size(size_error);
    if (size_error) continue;
    if (size == 0) {  // begun, and never written
      std::filesystem::remove(at->path(), size_error);
      continue;
    }
    bytes_ += size;
    segments_[name->first] = {name->salt, size};
  }
  if (error) return failed(folder_, "list the spool's folder", error.value());
  return {};
}

// Finds where the newest segment ends: behind its last whole record. Empty segments at the end are removed.
void Spool::cut_tail() {
  while (!segments_.empty()) {
    const auto last = std::prev(segments_.end());
    Segment& segment = last->second;
    durable_next_ = last->first;
    read_expected_ = last->first;
    std::uint64_t end = 0;
    std::uint64_t offset = 0;
    Place place;
    std::string body;
    while (find_record(last, kLastSequence + 1, &offset, place)) {
      read_expected_ = place.header.sequence + 1;
      if (!read_body(place, body)) continue;
      end = offset;
      durable_next_ = read_expected_;
    }
    reader_.close();
    const auto file = file_of(last->first, segment);
    torn_bytes_ += segment.size - end;
    bytes_ -= segment.size - end;
    segment.size = end;
    active_ = open_file(file, O_RDWR);
    if (end > 0) {
      if (active_ && ::ftruncate(active_.get(), static_cast<off_t>(end)) != 0) active_.close();
      return;
    }
    active_.close();
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
    segments_.erase(last);
  }
}

std::filesystem::path Spool::file_of(std::uint64_t first, const Segment& segment) const {
  return folder_ / segment_file({first, segment.salt});
}

// --- writing --------------------------------------------------------------------------------------------------------

SpoolStatus Spool::append(std::string_view record, std::uint64_t* sequence) {
  const std::uint64_t need = record.size() + kHeaderBytes;
  if (record.size() > options_.max_record_bytes || need > options_.capacity_bytes) {
    return {SpoolCode::too_large,
            folder_.string() + ": a record of " + std::to_string(record.size()) +
                " bytes is longer than the spool takes (" +
                std::to_string(std::min<std::uint64_t>(options_.max_record_bytes, options_.capacity_bytes)) + ")"};
  }
  if (bytes() + need > options_.capacity_bytes && group_.empty()) trim(true);
  if (bytes() + need > options_.capacity_bytes) {
    return {SpoolCode::full, folder_.string() + ": the spool is full (" + std::to_string(bytes()) + " of " +
                                 std::to_string(options_.capacity_bytes) + " bytes)"};
  }
  if (group_.empty()) {
    if (active_ && std::prev(segments_.end())->second.size >= options_.segment_bytes) end_segment();
    salt_ = active_ ? std::prev(segments_.end())->second.salt : std::random_device{}();
  }
  put_record(group_, salt_, next_sequence_, record);
  if (sequence != nullptr) *sequence = next_sequence_;
  ++next_sequence_;
  return {};
}

SpoolStatus Spool::sync() {
  if (group_.empty()) return {};
  if (!active_) {
    if (SpoolStatus status = begin_segment(durable_next_); !status.ok()) return status;
  }
  Segment& segment = std::prev(segments_.end())->second;
  if (!write_at(active_.get(), group_, segment.size)) return drop_group("write", errno);
  if (::fdatasync(active_.get()) != 0) return drop_group("sync", errno);
  segment.size += group_.size();
  bytes_ += group_.size();
  durable_next_ = next_sequence_;
  group_.clear();
  return {};
}

SpoolStatus Spool::begin_segment(std::uint64_t first) {
  const Segment segment{salt_, 0};
  const auto file = file_of(first, segment);
  active_ = open_file(file, O_RDWR | O_CREAT | O_EXCL);
  const bool made = static_cast<bool>(active_);
  if (made && sync_folder(folder_)) {
    segments_[first] = segment;
    return {};
  }
  const int error_number = errno;
  active_.close();
  if (made) ::unlink(file.c_str());
  next_sequence_ = durable_next_;
  group_.clear();
  return failed(file, "begin a segment", error_number);
}

// The group was not written, or not wholly, or that is not known: takes it back. Records that nobody was told of may
// still come back after a loss of power; a segment's records never reach into the next one's sequences.
SpoolStatus Spool::drop_group(const std::string& what, int error_number) {
  const auto last = std::prev(segments_.end());
  const auto file = file_of(last->first, last->second);
  const bool cut = ::ftruncate(active_.get(), static_cast<off_t>(last->second.size)) == 0;
  next_sequence_ = durable_next_;
  group_.clear();
  if (last->second.size == 0) {
    active_.close();
    ::unlink(file.c_str());
    const std::uint64_t skipped = last->first;  // another file must not begin with the same sequence
    segments_.erase(last);
    marks_.finish(skipped, skipped);
    marks_changed_ = true;
    next_sequence_ = durable_next_ = skipped + 1;
  } else if (!cut || what == "sync") {
    end_segment();
  }
  return failed(file, what, error_number);
}

void Spool::end_segment() { active_.close(); }

// --- reading --------------------------------------------------------------------------------------------------------

// The next record at or behind `*offset` whose header is whole and in its place; sets `*offset` behind it.
bool Spool::find_record(Segments::const_iterator segment, std::uint64_t limit, std::uint64_t* offset, Place& place) {
  const std::uint64_t size = segment->second.size;
  if (!reader_.use(file_of(segment->first, segment->second))) return false;
  while (*offset + kHeaderBytes <= size) {
    const auto header = get_header(reader_.view(*offset, kHeaderBytes, size), segment->second.salt);
    if (header && header->sequence >= read_expected_ && header->sequence < limit &&
        *offset + kHeaderBytes + header->length <= size) {
      place = {segment->first, *offset, *header};
      *offset += kHeaderBytes + header->length;
      return true;
    }
    const std::string_view rest = reader_.view(*offset + 1, 64 * 1024, size);
    if (rest.size() < kMagic.size()) break;  // the end, or it cannot be read
    const std::size_t found = rest.find(kMagic);
    *offset += found == std::string_view::npos ? rest.size() - kMagic.size() + 2 : found + 1;
  }
  *offset = size;
  return false;
}

bool Spool::read_body(const Place& place, std::string& body) {
  const auto segment = segments_.find(place.segment);
  if (segment == segments_.end() || !reader_.use(file_of(segment->first, segment->second))) return false;
  body = reader_.view(place.offset + kHeaderBytes, place.header.length, segment->second.size);
  return body.size() == place.header.length && crc32c(body, segment->second.salt) == place.header.body_crc;
}

// Records [first, end) cannot be read any more.
void Spool::lose(std::uint64_t first, std::uint64_t end) {
  if (first >= end) return;
  damaged_ += marks_.finish(first, end - 1);
  marks_changed_ = true;
}

bool Spool::next(SpoolRecord& record) {
  while (!again_.empty()) {
    const std::uint64_t sequence = *again_.begin();
    again_.erase(again_.begin());
    if (read_body(held_.at(sequence), record.body)) {
      record.sequence = sequence;
      record.again = true;
      return true;
    }
    held_.erase(sequence);
    lose(sequence, sequence + 1);
  }
  while (read_expected_ < durable_next_) {
    auto segment = segments_.lower_bound(read_segment_);
    if (segment == segments_.end()) {
      lose(read_expected_, durable_next_);
      read_expected_ = durable_next_;
      break;
    }
    if (segment->first != read_segment_) {  // on to the next one, what lay between was removed or lost
      lose(read_expected_, segment->first);
      read_segment_ = segment->first;
      read_offset_ = 0;
      read_expected_ = std::max(read_expected_, segment->first);
    }
    const auto after = std::next(segment);
    const std::uint64_t limit = after == segments_.end() ? durable_next_ : after->first;
    Place place;
    if (!find_record(segment, limit, &read_offset_, place)) {
      lose(read_expected_, limit);
      read_expected_ = limit;
      if (after != segments_.end()) {
        read_segment_ = after->first;
        read_offset_ = 0;
      }
      trim(false);
      continue;
    }
    const std::uint64_t sequence = place.header.sequence;
    lose(read_expected_, sequence);
    read_expected_ = sequence + 1;
    if (marks_.is_done(sequence)) continue;
    if (!read_body(place, record.body)) {
      lose(sequence, sequence + 1);
      continue;
    }
    record.sequence = sequence;
    record.again = sequence <= handed_before_;
    held_.emplace(sequence, place);
    if (sequence > marks_.handed) {
      marks_.handed = sequence;
      marks_changed_ = true;
    }
    return true;
  }
  return false;
}

// --- acknowledging --------------------------------------------------------------------------------------------------

void Spool::acknowledge(std::uint64_t sequence) {
  if (held_.erase(sequence) == 0) return;
  again_.erase(sequence);
  marks_.finish(sequence, sequence);
  marks_changed_ = true;
  trim(false);
}

void Spool::requeue(std::uint64_t sequence) {
  if (held_.contains(sequence)) again_.insert(sequence);
}

SpoolStatus Spool::persist(bool durable) {
  if (marks_changed_) {
    ++marks_.generation;
    const std::size_t turn = marks_.generation % 2;
    const auto path = folder_ / (turn == 0 ? "marks.0" : "marks.1");
    if (!marks_files_[turn]) marks_files_[turn] = open_file(path, O_RDWR | O_CREAT);
    if (!marks_files_[turn] || !write_at(marks_files_[turn].get(), marks_.encode(), 0)) {
      return failed(path, "write the spool's marks", errno);
    }
    marks_changed_ = false;
  }
  if (!durable) return {};
  for (const auto& file : marks_files_) {
    if (file && ::fdatasync(file.get()) != 0) return failed(folder_, "sync the spool's marks", errno);
  }
  return {};
}

// Removes segments that are done. The newest is kept while it is short, unless `even_active`.
void Spool::trim(bool even_active) {
  while (!segments_.empty()) {
    const auto first = segments_.begin();
    const auto after = std::next(first);
    const bool newest = after == segments_.end();
    if ((newest ? durable_next_ : after->first) > marks_.prefix + 1) return;
    if (newest && !group_.empty()) return;  // encoded for this file
    if (newest && !even_active && first->second.size < options_.segment_bytes) return;
    static_cast<void>(persist());  // should the marks be lost, the records are given again; never the other way round
    if (newest) active_.close();
    reader_.close();  // or the file would go on taking room
    ::unlink(file_of(first->first, first->second).c_str());
    bytes_ -= std::min(bytes_, first->second.size);
    segments_.erase(first);
  }
}

}  // namespace tally::spool
