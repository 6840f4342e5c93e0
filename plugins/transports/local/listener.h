// The consumer's door: the socket in the file system, who holds it, and who may come in.
// Not for what is said over a connection (see server.h).
#ifndef TALLY_LOCAL_LISTENER_H
#define TALLY_LOCAL_LISTENER_H

#include <tally/kit/descriptor.h>

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace tally::local {

// Who may send, beside root and the user that this process runs as.
struct Access {
  std::vector<uid_t> users;
  std::vector<gid_t> groups;

  // "name", "1000": a user; "group:name", "group:1000": a group. Throws tally::Error, permanent, for one unknown.
  static Access parse(const std::vector<std::string>& list);

  // Whether the process at the other end may; by its credentials as the kernel tells them. `who` says whom it saw.
  bool allows(int connection, std::string& who) const;
};

// Owns the lock beside the socket for its life: PATH.lock, held by flock.
class Listener {
 public:
  // Takes the lock and binds the socket, mode 0660. A socket file that nobody answers at is replaced. Throws
  // tally::Error: transient (another consumer is there, no right), permanent (too long a path, not a socket).
  Listener(std::filesystem::path path, const Access& access);
  // Removes the socket file, then lets the lock go.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int fd() const { return socket_.get(); }
  // A connection, non-blocking; -1: there is none now.
  int accept();

 private:
  std::filesystem::path path_;
  Fd lock_;
  Fd socket_;
};

// A socket connected to `path`, non-blocking; -1 with errno. Throws tally::Error, permanent, for too long a path.
int connect_to(const std::filesystem::path& path);

}  // namespace tally::local

#endif
