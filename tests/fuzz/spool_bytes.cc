// A spool's folder with anything in its files: it opens, gives what is whole, keeps its books, and goes on taking.
// Not for what it must not lose: spool_operations.cc.
#include "spool/spool.h"

#include <set>

#include "fuzz.h"
#include "scratch.h"

namespace {

using namespace tally;
using fuzz::require;
namespace format = spool;

// A file of pieces: bytes as they come, records and marks with right checksums and wrong contents.
std::string pieces(fuzz::Input& input, std::uint32_t salt) {
  std::string out;
  for (unsigned count = input.byte() % 8; count > 0 && !input.empty(); --count) {
    switch (input.byte() % 4) {
      case 0:
        out.append(input.text(input.byte()));
        break;
      case 1:
        format::put_record(out, salt, input.byte(), input.text(input.byte()));
        break;
      case 2:
        format::put_record(out, salt, input.number(8), input.text(input.byte()));
        break;
      default: {  // a header that promises another length
        const std::size_t start = out.size();
        out.append(format::kMagic);
        format::put32(out, static_cast<std::uint32_t>(input.number(4)));
        format::put64(out, input.byte());
        format::put32(out, 0);
        format::put32(out, tally::crc32c(std::string_view(out).substr(start), salt));
      }
    }
  }
  return out;
}

std::string marks(fuzz::Input& input) {
  if ((input.byte() & 1) != 0) return std::string(input.text(input.byte()));
  std::string out(format::kMarksMagic);
  const int width = (input.byte() & 1) != 0 ? 8 : 1;
  for (int i = 0; i < 4; ++i) format::put64(out, input.number(width));
  const std::uint64_t count = input.byte() % 6;
  format::put64(out, count);
  for (std::uint64_t i = 0; i < 2 * count; ++i) format::put64(out, input.number(width));
  format::put32(out, tally::crc32c(out));
  return out;
}

void use(const std::filesystem::path& folder, const spool::SpoolOptions& options) {
  spool::SpoolStatus status;
  const auto spool = spool::Spool::open(folder, options, status);
  require(spool != nullptr, "damage is not an error");
  const std::uint64_t pending = spool->pending();
  std::set<std::uint64_t> seen;
  spool::SpoolRecord record;
  while (spool->next(record)) {
    require(seen.insert(record.sequence).second, "a record is given once");
    require(seen.size() < 4096, "reading comes to an end");
    if (record.sequence % 3 == 0) spool->requeue(record.sequence);
    spool->acknowledge(record.sequence);
  }
  require(seen.size() <= pending, "no more is given than was pending");
  require(spool->pending() == 0 && spool->held() == 0, "all is done");
  std::uint64_t sequence = 0;
  const spool::SpoolStatus taken = spool->append("after", &sequence);
  require(taken.ok() || taken.code == spool::SpoolCode::full, "a spool goes on");
  if (!taken.ok() || !spool->sync().ok()) return;
  require(!seen.contains(sequence), "a sequence is used once");
  require(spool->next(record) && record.sequence == sequence && record.body == "after", "what is appended is read");
  require(spool->persist(true).ok(), "marks are written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  fuzz::Input input(data, size);
  scratch.empty();
  const spool::SpoolOptions options{.capacity_bytes = 1 << 16, .segment_bytes = 256, .max_record_bytes = 1 << 12};
  const unsigned present = input.byte();
  if ((present & 1) != 0) scratch.write("marks.0", marks(input));
  if ((present & 2) != 0) scratch.write("marks.1", marks(input));
  for (unsigned segment = 0; segment < (present >> 2) % 4; ++segment) {
    const std::uint64_t first = (present & 16) != 0 ? input.number(8) : input.byte();
    const std::uint32_t salt = input.byte();
    scratch.write(format::segment_file({first, salt}), pieces(input, salt));
  }
  use(scratch.path(), options);
  use(scratch.path(), options);
  return 0;
}
