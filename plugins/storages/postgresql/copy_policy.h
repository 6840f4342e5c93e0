// Whether the next batch is to be copied straight into the table, by how often a batch had rows that were there
// already. Not for what is done where that fails: see write.cc.
#ifndef TALLY_POSTGRESQL_COPY_POLICY_H
#define TALLY_POSTGRESQL_COPY_POLICY_H

namespace tally::postgresql {

// A plain COPY takes about half the time of an insert around what is there, and one that meets such a row is lost, as
// far as it came, and leaves dead rows behind. So it is worth its while where fewer than two batches in five meet one.
// One thread.
class CopyPolicy {
 public:
  bool worthwhile() const { return known_share_ < kMostKnown; }
  // The batch that was just written: whether any of its rows was there already.
  void learn(bool known) { known_share_ += kWeight * ((known ? 1.0 : 0.0) - known_share_); }

 private:
  static constexpr double kMostKnown = 0.4;
  static constexpr double kWeight = 0.25;  // of the last batch

  double known_share_ = 0;
};

}  // namespace tally::postgresql

#endif
