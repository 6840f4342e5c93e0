// The samples of one message, their texts side by side in one piece of memory: what a message is made of stands in
// each of its samples again, and is kept once.
// Not for samples that live longer than their message: tally::Sample owns its texts.
#ifndef TALLY_WIRE_SAMPLE_LIST_H
#define TALLY_WIRE_SAMPLE_LIST_H

#include <tally/model/sample.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"

namespace tally::wire {

// Texts that stay where they are until this goes; moving it does not move them. One thread at a time.
class Texts {
 public:
  Texts() = default;
  Texts(Texts&& other) noexcept
      : blocks_(std::move(other.blocks_)),
        at_(std::exchange(other.at_, nullptr)),
        left_(std::exchange(other.left_, 0)) {
    other.blocks_.clear();
  }
  Texts& operator=(Texts&& other) noexcept {
    blocks_ = std::move(other.blocks_);
    other.blocks_.clear();
    at_ = std::exchange(other.at_, nullptr);
    left_ = std::exchange(other.left_, 0);
    return *this;
  }

  // A copy; never null. In one piece with who calls: a call for each of ten texts costs more than what is done for it.
  [[gnu::always_inline]] std::string_view keep(std::string_view text) {
    if (text.empty()) return "";
    if (text.size() > left_) grow(text.size());
    std::memcpy(at_, text.data(), text.size());
    const std::string_view kept(at_, text.size());
    at_ += text.size();
    left_ -= text.size();
    return kept;
  }

 private:
  // Most messages' texts fit the first block, and that is small enough for malloc to have it at hand.
  static constexpr std::size_t kFirst = 992, kNext = 8192;

  void grow(std::size_t wanted) {
    const std::size_t usual = blocks_.empty() ? kFirst : kNext;
    left_ = wanted > usual ? wanted : usual;
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
    at_ = blocks_.back().get();
  }

  absl::InlinedVector<std::unique_ptr<char[]>, 1> blocks_;
  char* at_ = nullptr;
  std::size_t left_ = 0;
};

// One of the samples that counts, so that the ids of the others do not depend on it, but is not to be stored.
struct SetAside {
  std::size_t at = 0;   // its place in the list
  std::string why;      // why it was refused; empty: the configuration has it left out
  std::string json;     // of a refused one: all that was given, with the keys of sample_json.h; there only its
                        // meter, resource and time are in the list, as far as they could be read
  std::string handler;  // who gave it
};

// What could have made a sample of a message, but found nothing of what it needs.
struct Skip {
  std::string what;  // a definition, as the handler names it
  std::string why;
};

// One thread at a time.
class SampleList {
 public:
  // Copies the texts; those that the sample before has as well are shared with it.
  void push_back(const SampleView& sample) {
    views_.push_back(sample);
    try {
      own(views_.size() > 1 ? views_[views_.size() - 2] : SampleView(), views_.back());
    } catch (...) {  // out of memory
      views_.pop_back();
      throw;
    }
  }

  std::size_t size() const { return views_.size(); }
  bool empty() const { return views_.empty(); }
  SampleView& operator[](std::size_t i) { return views_[i]; }
  const SampleView& operator[](std::size_t i) const { return views_[i]; }
  SampleView& back() { return views_.back(); }
  const SampleView& back() const { return views_.back(); }
  auto begin() { return views_.begin(); }
  auto end() { return views_.end(); }
  auto begin() const { return views_.begin(); }
  auto end() const { return views_.end(); }

  // The sample put in last is not to be stored.
  void set_aside(std::string why, std::string json) {
    aside_.push_back({views_.size() - 1, std::move(why), std::move(json), ""});
  }
  // Those that nobody is named for were given by `handler`.
  void name_aside(std::string_view handler) {
    for (auto one = aside_.rbegin(); one != aside_.rend() && one->handler.empty(); ++one) one->handler = handler;
  }
  // In the list's order.
  const std::vector<SetAside>& aside() const { return aside_; }
  void skip(std::string what, std::string why) { skips_.push_back({std::move(what), std::move(why)}); }
  const std::vector<Skip>& skips() const { return skips_; }
  // Puts all of another list at the end.
  void append(const SampleList& other) {
    const std::size_t before = size();
    for (const SampleView& sample : other) push_back(sample);
    for (SetAside one : other.aside_) {
      one.at += before;
      aside_.push_back(std::move(one));
    }
    skips_.insert(skips_.end(), other.skips_.begin(), other.skips_.end());
  }

  // Only the first so many stay.
  void shrink(std::size_t size) {
    views_.erase(views_.begin() + static_cast<std::ptrdiff_t>(size), views_.end());
    while (!aside_.empty() && aside_.back().at >= size) aside_.pop_back();
  }
  // None stays; the room for few of them does. Their texts do, until they are taken.
  void clear() {
    static constexpr std::size_t kKeep = 256;
    if (views_.capacity() > kKeep) views_ = {};
    views_.clear();
    aside_.clear();
    skips_.clear();
  }

  // Where texts of these samples are kept.
  Texts& texts() { return texts_; }
  Texts take_texts() { return std::move(texts_); }

 private:
  // Brings the texts of `sample` here.
  void own(const SampleView& before, SampleView& sample) {
    share(before.id, sample.id);
    share(before.name, sample.name);
    share(before.unit, sample.unit);
    share(before.resource_id, sample.resource_id);
    share(before.project_id, sample.project_id);
    share(before.project_name, sample.project_name);
    share(before.user_id, sample.user_id);
    share(before.user_name, sample.user_name);
    share(before.resource_metadata, sample.resource_metadata);
    share(before.source, sample.source);
  }
  [[gnu::always_inline]] void share(std::string_view before, std::string_view& text) {
    const bool same = !text.empty() && text.size() == before.size() && (text.data() == before.data() || text == before);
    text = same ? before : texts_.keep(text);
  }
  void share(const std::optional<std::string_view>& before, std::optional<std::string_view>& text) {
    if (text) share(before ? *before : std::string_view(), *text);
  }

  std::vector<SampleView> views_;
  std::vector<SetAside> aside_;
  std::vector<Skip> skips_;
  Texts texts_;
};

}  // namespace tally::wire

#endif
