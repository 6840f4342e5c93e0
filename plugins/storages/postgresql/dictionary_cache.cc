// Numbers of texts that were looked up before, found by a keyed hash of the text.
// Not for asking the server: see dictionary.cc.
#include "dictionary_cache.h"

#include <sodium.h>

#include <utility>

namespace tally::postgresql {

TextHasher::TextHasher() {
  static_assert(crypto_shorthash_siphashx24_KEYBYTES == 16);
  randombytes_buf(key_.data(), key_.size());
}

TextHash TextHasher::operator()(std::string_view text) const {
  TextHash hash;
  static_assert(sizeof hash == crypto_shorthash_siphashx24_BYTES);
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(hash.data()),
                              reinterpret_cast<const unsigned char*>(text.data()), text.size(), key_.data());
  return hash;
}

std::string text_digest(std::string_view text) {
  std::string digest(16, '\0');
  crypto_generichash_blake2b(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                             reinterpret_cast<const unsigned char*>(text.data()), text.size(), nullptr, 0);
  return digest;
}

Numbered* DictionaryCache::find(const TextHash& hash) {
  if (const auto found = recent_.find(hash); found != recent_.end()) return &found->second;
  const auto old = older_.find(hash);
  if (old == older_.end()) return nullptr;
  const Numbered numbered = old->second;
  older_.erase(old);
  insert(hash, numbered);
  return &recent_.find(hash)->second;
}

void DictionaryCache::insert(const TextHash& hash, const Numbered& numbered) {
  if (recent_.size() >= kept_) {
    older_ = std::exchange(recent_, {});
  }
  recent_.insert_or_assign(hash, numbered);
}

void DictionaryCache::clear() {
  recent_.clear();
  older_.clear();
}

}  // namespace tally::postgresql
