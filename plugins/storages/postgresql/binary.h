// PostgreSQL's binary formats: what goes into COPY and parameters, and what comes out of results.
// Not for sending them: see connection.h.
#ifndef TALLY_POSTGRESQL_BINARY_H
#define TALLY_POSTGRESQL_BINARY_H

#include <tally/model/time.h>

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tally::postgresql {

enum class Type : std::uint32_t {
  bytes = 17,
  bigint = 20,
  smallint = 21,
  integer = 23,
  text = 25,
  real = 701,  // double precision
  time = 1184,
  interval = 1186,
  numeric = 1700,
  uuid = 2950,
};

// Most significant byte first.
template <std::integral Integer>
void put(std::string& to, Integer value) {
  std::array<char, sizeof value> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * (bytes.size() - 1 - i)));
  }
  to.append(bytes.data(), bytes.size());
}
inline void put(std::string& to, double value) { put(to, std::bit_cast<std::int64_t>(value)); }

// A field: its length and its bytes; no value is the length -1.
inline void put_field(std::string& to, std::string_view bytes) {
  put(to, static_cast<std::int32_t>(bytes.size()));
  to.append(bytes);
}
inline void put_null(std::string& to) { put(to, std::int32_t{-1}); }
template <class Number>
void put_number(std::string& to, Number value) {
  put(to, static_cast<std::int32_t>(sizeof value));
  put(to, value);
}

// A whole number of 1 to 8 bytes.
std::int64_t get_integer(std::string_view bytes);
double get_real(std::string_view bytes);

// Microseconds since 2000-01-01, as a timestamptz travels. The infinities become the ends of Time's range.
std::int64_t to_server(Time time);
Time from_server(std::int64_t us);
// Whether a timestamptz that people can read holds it: years 1 to 9999.
bool fits_server(Time time);

// Appends a numeric's bytes. REQUIRES: `volume` is plain digits with at most one sign and one point, "0", "-12.5".
void put_numeric(std::string& to, std::string_view volume);

// The bytes that stand for a sample's id: 16 for 32 lower-case hexadecimal digits; 17 for a lower-case UUID with its
// dashes; any other text behind a zero byte, and never 16 long. schema_steps.cc has the way back in SQL.
std::string id_bytes(std::string_view id);

// "…" as UTF-8 without NUL bytes: what a `text` can hold.
bool fits_text(std::string_view text);
// What does not fit becomes U+FFFD.
std::string made_fit(std::string_view text);

// A one-dimensional array, grown element by element.
class Array {
 public:
  explicit Array(Type type) : type_(type) {}

  Array& add(std::string_view bytes) {
    put_field(elements_, bytes);
    ++count_;
    return *this;
  }
  Array& add(const std::optional<std::string_view>& bytes) { return bytes ? add(*bytes) : null(); }
  Array& add(const std::string& bytes) { return add(std::string_view(bytes)); }
  template <class Number>
  requires std::is_arithmetic_v<Number> Array& add(Number value) {
    put_number(elements_, value);
    ++count_;
    return *this;
  }
  Array& null() {
    put_null(elements_);
    any_null_ = true;
    ++count_;
    return *this;
  }

  std::size_t size() const { return static_cast<std::size_t>(count_); }
  std::uint32_t type() const;  // of the array
  std::string bytes() const;

 private:
  Type type_;
  std::int32_t count_ = 0;
  bool any_null_ = false;
  std::string elements_;
};

// What is bound to $1, $2, … of one statement.
class Parameters {
 public:
  Parameters& add(std::int64_t value) { return number(Type::bigint, value); }
  Parameters& add(std::int32_t value) { return number(Type::integer, value); }
  Parameters& add(Time value) { return number(Type::time, to_server(value)); }
  Parameters& add(std::string_view text) { return put_value(Type::text, std::string(text)); }
  Parameters& add(const std::string& text) { return add(std::string_view(text)); }
  Parameters& add(const char* text) { return add(std::string_view(text)); }
  Parameters& add(const std::optional<std::string_view>& text);
  Parameters& add(const Array& array) { return put_value(static_cast<Type>(array.type()), array.bytes()); }
  Parameters& blob(std::string_view bytes) { return put_value(Type::bytes, std::string(bytes)); }
  Parameters& interval(std::int64_t us);

  std::size_t size() const { return values_.size(); }
  const std::vector<std::uint32_t>& types() const { return types_; }
  const std::vector<std::optional<std::string>>& values() const { return values_; }

 private:
  template <class Number>
  Parameters& number(Type type, Number value) {
    std::string bytes;
    put(bytes, value);
    return put_value(type, std::move(bytes));
  }
  Parameters& put_value(Type type, std::optional<std::string> value) {
    types_.push_back(static_cast<std::uint32_t>(type));
    values_.push_back(std::move(value));
    return *this;
  }

  std::vector<std::uint32_t> types_;
  std::vector<std::optional<std::string>> values_;
};

}  // namespace tally::postgresql

#endif
