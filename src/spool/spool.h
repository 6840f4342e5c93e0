// A durable first-in-first-out store of records in a folder: what must outlive a kill until someone has acknowledged
// it. Not a queue between threads, and not a database: records are bytes, read oldest first.
//
// Threads: one at a time. Processes: one at a time, held by a lock file. Throws nothing of
// its own. The format on disk is in doc/spool.md.
//
//   SpoolStatus status;
//   auto spool = Spool::open(folder, {.capacity_bytes = 1 << 30}, status);
//   spool->append("one"); spool->append("two");
//   if (spool->sync().ok()) …                       // both are durable now, and can be read
//   SpoolRecord record;
//   while (spool->next(record)) { …; spool->acknowledge(record.sequence); }
#ifndef TALLY_SPOOL_SPOOL_H
#define TALLY_SPOOL_SPOOL_H

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "spool/files.h"
#include "spool/format.h"

namespace tally::spool {

struct SpoolOptions {
  std::uint64_t capacity_bytes = 1ULL << 30;   // of all segments together; then `append` says full
  std::uint64_t segment_bytes = 16ULL << 20;   // a segment ends behind this; at most a quarter of the capacity
  std::uint32_t max_record_bytes = 32U << 20;  // a longer record is refused
};

struct SpoolRecord {
  std::uint64_t sequence = 0;  // grows by one a record, over restarts too
  std::string body;
  bool again = false;  // given to a reader before, perhaps before a restart
};

class Spool {
 public:
  // Opens or makes the spool in `folder`. Null on an error, told in `status`: transient (held by another process, no
  // room, no right). Damage is not an error. Cuts a torn tail off the newest segment; reads that segment once for it.
  static std::unique_ptr<Spool> open(const std::filesystem::path& folder, const SpoolOptions& options,
                                     SpoolStatus& status);

  // Writes what is known of acknowledgements. Records appended but not synced are lost.
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Takes a record into the group in memory; `sync` makes the group durable. full: nothing was taken, and nothing is
  // overwritten; there is room again once records are acknowledged. too_large: never. Sync every few MiB.
  SpoolStatus append(std::string_view record, std::uint64_t* sequence = nullptr);

  // Group commit: when it answers ok, every record appended so far is on the disk. Transient (no space left, an I/O
  // error): *none* of those appended since the last good sync is kept, none will be read; append them again.
  SpoolStatus sync();

  // The next record that is durable and not acknowledged: first those given back, then the oldest never given since
  // `open`. False: there is none now. A damaged record is skipped, counted, and treated as acknowledged.
  bool next(SpoolRecord& record);
  // Whether `next` has something to look at.
  bool readable() const { return !again_.empty() || read_expected_ < durable_next_; }

  // Done with a record that `next` gave: any order; another sequence is ignored. Segments that are done are removed.
  // In memory; `persist` writes it.
  void acknowledge(std::uint64_t sequence);
  // `next` will give it again (`again` set); one that is not held is ignored.
  void requeue(std::uint64_t sequence);
  // Writes acknowledgements and which records were handed out, so that a kill of the process loses neither. With
  // `durable` also to the disk, for a loss of power. An error is transient and loses nothing in memory.
  SpoolStatus persist(bool durable = false);

  // The books. Pending: durable and not acknowledged, whether handed out or not.
  std::uint64_t pending() const { return durable_next_ - 1 - marks_.prefix - marks_.beyond(); }
  std::uint64_t held() const { return held_.size(); }
  std::uint64_t bytes() const { return bytes_ + group_.size(); }
  std::uint64_t capacity_bytes() const { return options_.capacity_bytes; }
  std::uint64_t unsynced_bytes() const { return group_.size(); }
  std::uint64_t damaged() const { return damaged_; }          // records lost to damage, since `open`
  std::uint64_t torn_bytes() const { return torn_bytes_; }    // cut off the tail by `open`
  std::uint64_t generation() const { return marks_.opened; }  // how often the spool was opened, this time included
  std::size_t segments() const { return segments_.size(); }

 private:
  struct Segment {
    std::uint32_t salt = 0;
    std::uint64_t size = 0;  // bytes that are durable
  };
  struct Place {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;  // of the header
    Header header;
  };
  using Segments = std::map<std::uint64_t, Segment>;  // by first sequence

  Spool(std::filesystem::path folder, const SpoolOptions& options);
  SpoolStatus start();
  void load_marks();
  SpoolStatus load_segments();
  void cut_tail();
  SpoolStatus begin_segment(std::uint64_t first);
  SpoolStatus drop_group(const std::string& what, int error_number);
  void end_segment();
  std::filesystem::path file_of(std::uint64_t first, const Segment& segment) const;
  bool find_record(Segments::const_iterator segment, std::uint64_t limit, std::uint64_t* offset, Place& place);
  bool read_body(const Place& place, std::string& body);
  void lose(std::uint64_t first, std::uint64_t end);
  void trim(bool even_active);

  std::filesystem::path folder_;
  SpoolOptions options_;
  Fd lock_;
  Fd marks_files_[2];
  Marks marks_;
  bool marks_changed_ = false;
  std::uint64_t handed_before_ = 0;  // `handed` as `open` found it

  Segments segments_;
  Fd active_;  // the last segment, open for writing; closed: the next group begins a new one
  std::uint64_t bytes_ = 0;
  std::string group_;  // encoded records, not yet written
  std::uint32_t salt_ = 0;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t durable_next_ = 1;  // one behind the last durable record

  Reader reader_;
  std::uint64_t read_segment_ = 0;
  std::uint64_t read_offset_ = 0;
  std::uint64_t read_expected_ = 1;
  std::map<std::uint64_t, Place> held_;  // handed out, not acknowledged
  std::set<std::uint64_t> again_;        // held, to be given again
  std::uint64_t damaged_ = 0;
  std::uint64_t torn_bytes_ = 0;
};

}  // namespace tally::spool

#endif
