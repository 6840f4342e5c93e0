// A spool in use, reopened and damaged in between, beside a model that knows what was promised.
// Not for bytes that no spool wrote: spool_bytes.cc.
#include "spool/spool.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "fuzz.h"
#include "scratch.h"

namespace {

using namespace tally;
using fuzz::require;

const fuzz::Scratch& scratch() {
  static const fuzz::Scratch folder;
  return folder;
}

class Use {
 public:
  Use() { open(); }

  void step(fuzz::Input& input) {
    switch (input.byte() % 10) {
      case 0:
      case 1:
      case 2:
        return append(input);
      case 3:
        return sync();
      case 4:
      case 5:
        return next();
      case 6:
        return finish(input.byte(), true);
      case 7:
        return finish(input.byte(), false);
      case 8:
        return reopen();
      default:
        return damage(input);
    }
  }

  // Without damage everything durable is given, but what was acknowledged.
  void end() {
    sync();
    reopen();
    for (int most = 0; most < 4096 && take(); ++most) {
    }
    require(spool_->pending() == spool_->held(), "all that is pending was handed out");
    if (damaged_) return;
    require(spool_->damaged() == 0, "nothing is lost that nobody damaged");
    for (const auto& [sequence, body] : durable_)
      require(done_.contains(sequence) != held_.contains(sequence),
              "what is durable is given until it is acknowledged");
  }

 private:
  void open() {
    spool::SpoolStatus status;
    spool_ = spool::Spool::open(scratch().path(),
                                {.capacity_bytes = 4096, .segment_bytes = 200, .max_record_bytes = 1000}, status);
    require(spool_ != nullptr, "a spool opens");
  }
  void append(fuzz::Input& input) {
    std::string body(input.byte() * 5U % 1100U, static_cast<char>(input.byte()));
    body += input.text(8);
    std::uint64_t sequence = 0;
    const spool::SpoolStatus status = spool_->append(body, &sequence);
    require((status.code == spool::SpoolCode::too_large) == (body.size() > 1000),
            "long ones are refused, and those alone");
    require(status.ok() || !status.text.empty(), "a refusal has words");
    if (!status.ok()) return;
    require(damaged_ || !durable_.contains(sequence), "a sequence is used once");
    require(group_.empty() || group_.rbegin()->first < sequence, "sequences grow");
    group_[sequence] = std::move(body);
  }
  void sync() {
    if (!spool_->sync().ok()) {  // damage may take a file away
      group_.clear();
      return;
    }
    for (auto& [sequence, body] : group_) {
      durable_[sequence] = std::move(body);
      done_.erase(sequence);
    }
    group_.clear();
  }
  void next() { static_cast<void>(take()); }
  bool take() {
    spool::SpoolRecord record;
    if (!spool_->next(record)) return false;
    const auto known = durable_.find(record.sequence);
    require(known != durable_.end() && known->second == record.body, "what is given was appended, and is whole");
    require(damaged_ || !done_.contains(record.sequence), "what is acknowledged is not given again");
    require(held_.insert(record.sequence).second || requeued_.contains(record.sequence),
            "it is given to one at a time");
    requeued_.erase(record.sequence);
    return true;
  }
  void finish(std::uint8_t which, bool acknowledge) {
    if (held_.empty()) return;
    const std::uint64_t sequence = *std::next(held_.begin(), which % static_cast<int>(held_.size()));
    if (acknowledge) {
      spool_->acknowledge(sequence);
      held_.erase(sequence);
      requeued_.erase(sequence);
      done_.insert(sequence);
    } else {
      spool_->requeue(sequence);
      requeued_.insert(sequence);
    }
  }
  void reopen() {
    require(spool_->persist().ok() || damaged_, "marks are written");
    spool_.reset();
    group_.clear();
    held_.clear();
    requeued_.clear();
    open();
  }
  // A byte changed, a tail cut or grown, or a file gone, while nobody looks.
  void damage(fuzz::Input& input) {
    spool_.reset();
    group_.clear();
    held_.clear();
    requeued_.clear();
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(scratch().path())) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    if (!files.empty()) damage(files[input.byte() % files.size()], input);
    damaged_ = true;
    open();
  }
  static void damage(const std::filesystem::path& file, fuzz::Input& input) {
    const auto size = std::filesystem::file_size(file);
    const auto at = size == 0 ? 0 : input.number(2) % size;
    const std::uint8_t how = input.byte();
    if (how % 4 == 0) {
      std::filesystem::resize_file(file, at);
    } else if (how % 4 == 1) {
      std::filesystem::resize_file(file, size + how);
    } else if (how % 4 == 2) {
      std::filesystem::remove(file);
    } else if (size > 0) {
      const Fd fd = open_file(file, O_RDWR);
      std::string byte = read_at(fd.get(), at, 1);
      byte[0] = static_cast<char>(byte[0] ^ (how | 1));
      require(write_at(fd.get(), byte, at), "(damage can be done)");
    }
  }

  std::unique_ptr<spool::Spool> spool_;
  std::map<std::uint64_t, std::string> group_, durable_;
  std::set<std::uint64_t> held_, requeued_, done_;
  bool damaged_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  scratch().empty();
  fuzz::Input input(data, size);
  Use use;
  for (int steps = 0; steps < 80 && !input.empty(); ++steps) use.step(input);
  use.end();
  return 0;
}
