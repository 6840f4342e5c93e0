// Numbers of texts that were looked up before, found by a keyed hash of the text.
// Not for asking the server: see dictionary.h.
#ifndef TALLY_POSTGRESQL_DICTIONARY_CACHE_H
#define TALLY_POSTGRESQL_DICTIONARY_CACHE_H

#include <tally/model/time.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tally::postgresql {

// 128 bits under a key that this process alone knows: who writes the texts cannot make two of one hash.
using TextHash = std::array<std::uint64_t, 2>;

class TextHasher {
 public:
  TextHasher();
  TextHash operator()(std::string_view text) const;

 private:
  std::array<unsigned char, 16> key_;
};

// 128 bits that are the same everywhere, for the server's unique indexes.
std::string text_digest(std::string_view text);

struct Numbered {
  std::int64_t key = 0;
  Time last{0};  // the end of the latest partition that is known to name it, in the database
};

// Keeps at least the `kept` that were used last, at most twice as many. One thread at a time.
class DictionaryCache {
 public:
  explicit DictionaryCache(std::size_t kept) : kept_(kept) {}

  // Valid until the next call.
  Numbered* find(const TextHash& hash);
  void insert(const TextHash& hash, const Numbered& numbered);
  void clear();

 private:
  struct Hash {
    std::size_t operator()(const TextHash& hash) const { return hash[0]; }
  };
  using Map = std::unordered_map<TextHash, Numbered, Hash>;

  std::size_t kept_;
  Map recent_;
  Map older_;
};

}  // namespace tally::postgresql

#endif
