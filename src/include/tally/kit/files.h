// Reads small text files, such as those of /proc and /sys, for pollsters.
// Not for large files: what is past the bound is an error.
#ifndef TALLY_KIT_FILES_H
#define TALLY_KIT_FILES_H

#include <sys/vfs.h>
#include <tally/model/decimal.h>
#include <tally/sdk/error.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tally {

// `file` in the tree that starts at `root`: join("/", "proc/stat") is "/proc/stat".
inline std::string join(const std::filesystem::path& root, std::string_view file) {
  return (root / std::filesystem::path(file).relative_path()).string();
}

// Whether `folder` is the kernel's /proc, and not a copy of one.
inline bool is_procfs(const std::filesystem::path& folder) {
  constexpr long kMagic = 0x9fa0;
  struct statfs info {};
  return ::statfs(folder.c_str(), &info) == 0 && info.f_type == kMagic;
}

// A file of /proc that shows each process its own namespaces, as the host sees it: `own` ("proc/net/dev") at the root
// "/"; in any other tree, such as the host's as a container sees it, that of process 1 ("proc/1/net/dev"), since `own`
// would be the reader's there too. `own` in a copy without process 1.
inline std::string host_file(const std::filesystem::path& root, std::string_view of_process, std::string_view own) {
  const std::string first = join(root, "proc/1/" + std::string(of_process)), here = join(root, own);
  if (root.lexically_normal() == "/") return here;
  std::error_code ignored;
  const bool copy = !is_procfs(root / "proc") && !std::filesystem::exists(first, ignored);
  return copy && std::filesystem::exists(here, ignored) ? here : first;
}

// The whole file. Throws Error::absent where there is none, Error::transient where it cannot be read.
inline std::string read_file(const std::filesystem::path& path, std::size_t bound = std::size_t{1} << 20) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) {
    const int why = errno;
    const std::string text = path.string() + ": " + std::strerror(why);
    throw why == ENOENT || why == ENOTDIR ? Error::absent(text) : Error::transient(text);
  }
  std::string text;
  char buffer[4096];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, count);
    if (text.size() > bound)
      throw Error::transient(path.string() + ": longer than " + std::to_string(bound) + " bytes");
  }
  if (std::ferror(file.get()) != 0) throw Error::transient(path.string() + ": " + std::strerror(errno));
  return text;
}

// The pieces of `text` between runs of the characters in `separators`; views into `text`.
inline std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> pieces;
  while (true) {
    const std::size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return pieces;
    text.remove_prefix(begin);
    const std::size_t length = std::min(text.find_first_of(separators), text.size());
    pieces.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
}

// The lines of `text` that are not empty, and the words of a line.
inline std::vector<std::string_view> lines(std::string_view text) { return split(text, "\n"); }
inline std::vector<std::string_view> words(std::string_view line) { return split(line, " \t\r\n"); }

// The whole of `text` as a counter, exact: digits alone, as many as a volume holds (a counter may be wider than 64
// bits).
inline std::optional<Decimal> to_count(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size() - 1));
  return Decimal::parse(text);
}

// The whole of `text` as a number of this type, or nothing where it is none or does not fit.
template <class Number = std::uint64_t>
std::optional<Number> to_number(std::string_view text) {
  Number number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

}  // namespace tally

#endif
