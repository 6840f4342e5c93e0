// Binds the consumer's socket, replaces a stale one, and checks who comes in.
// Not for what is said over a connection (see server.cc).
#include "listener.h"

#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include <tally/sdk/error.h>

namespace tally::local {
namespace {

std::optional<unsigned> number(const std::string& text) {
  unsigned value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) {
    throw Error::permanent(path.string() + ": a socket's path may have " + std::to_string(sizeof address.sun_path - 1) +
                           " bytes, choose a shorter one");
  }
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  return address;
}

Error cannot(const std::filesystem::path& path, const std::string& what) {
  return Error::transient(path.string() + ": cannot " + what + ": " + system_error_text(errno));
}

// With the lock held: removes what is left of a consumer that is no more.
void clear_the_way(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return;
  if (status.type() != std::filesystem::file_type::socket) {
    throw Error::permanent(path.string() + ": is there and no socket; remove it, or name another path");
  }
  const Fd probe(connect_to(path));
  if (probe || errno == EAGAIN) {
    throw Error::transient(path.string() + ": another consumer answers there; end it, or name another path");
  }
  if (errno != ECONNREFUSED && errno != ENOENT) throw cannot(path, "see who listens there");
  ::unlink(path.c_str());
}

}  // namespace

int connect_to(const std::filesystem::path& path) {
  const sockaddr_un address = address_of(path);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return -1;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error_number = errno;
    fd.close();
    errno = error_number;
    return -1;
  }
  return fd.release();
}

Access Access::parse(const std::vector<std::string>& list) {
  constexpr std::string_view kGroup = "group:";
  Access access;
  for (const std::string& entry : list) {
    if (entry.starts_with(kGroup)) {
      const std::string name = entry.substr(kGroup.size());
      const auto id = number(name);
      const group* found = id ? nullptr : ::getgrnam(name.c_str());
      if (!id && found == nullptr) throw Error::permanent("allow: there is no group \"" + name + "\" on this host");
      access.groups.push_back(id ? *id : found->gr_gid);
    } else {
      const auto id = number(entry);
      const passwd* found = id ? nullptr : ::getpwnam(entry.c_str());
      if (!id && found == nullptr) throw Error::permanent("allow: there is no user \"" + entry + "\" on this host");
      access.users.push_back(id ? *id : found->pw_uid);
    }
  }
  return access;
}

bool Access::allows(int connection, std::string& who) const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  who = "uid " + std::to_string(peer.uid) + ", gid " + std::to_string(peer.gid) + ", pid " + std::to_string(peer.pid);
  if (peer.uid == 0 || peer.uid == ::geteuid() || std::ranges::count(users, peer.uid) > 0) return true;
  if (std::ranges::count(groups, peer.gid) > 0) return true;
  std::vector<gid_t> others(1024);
  size = static_cast<socklen_t>(others.size() * sizeof(gid_t));
  if (groups.empty() || ::getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, others.data(), &size) != 0) return false;
  others.resize(size / sizeof(gid_t));
  return std::ranges::any_of(others, [this](gid_t group) { return std::ranges::count(groups, group) > 0; });
}

Listener::Listener(std::filesystem::path path, const Access& access) : path_(std::move(path)) {
  const sockaddr_un address = address_of(path_);
  std::error_code ignored;  // opening the lock says what is wrong
  std::filesystem::create_directories(path_.parent_path(), ignored);
  const std::filesystem::path lock = path_.string() + ".lock";
  lock_ = open_file(lock, O_RDWR | O_CREAT);
  if (!lock_) throw cannot(lock, "open");
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error::transient(path_.string() + ": another consumer holds this socket; end it, or name another path");
  }
  clear_the_way(path_);
  socket_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) throw cannot(path_, "make a socket");
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    socket_.close();
    throw cannot(path_, "bind");
  }
  const gid_t group = access.groups.empty() ? static_cast<gid_t>(-1) : access.groups.front();
  const bool owned = ::chown(path_.c_str(), static_cast<uid_t>(-1), group) == 0;
  if (!owned || ::chmod(path_.c_str(), 0660) != 0 || ::listen(socket_.get(), 128) != 0) {
    const Error error = cannot(path_, owned ? "listen" : "give the socket to the allowed group");
    ::unlink(path_.c_str());
    throw error;
  }
}

Listener::~Listener() { ::unlink(path_.c_str()); }

int Listener::accept() {
  while (true) {
    const int fd = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 || (errno != EINTR && errno != ECONNABORTED)) return fd;
  }
}

}  // namespace tally::local
