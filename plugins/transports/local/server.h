// The consumer's half: takes messages from several senders into the spool, and says OK once they are durable.
// Not for giving them to the host, nor for settling (see consumer.h).
#ifndef TALLY_LOCAL_SERVER_H
#define TALLY_LOCAL_SERVER_H

#include "spool/spool.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framing.h"
#include "listener.h"

namespace tally::local {

struct ServerOptions {
  std::filesystem::path socket;
  std::uint32_t max_message = 16U << 20;  // bytes of a body
  std::size_t most_peers = 256;
  Access access;
  std::function<void(const std::string&)> warn;  // for the operator: a peer sent away, a disk that is full
};

struct ServerCounts {
  std::uint64_t accepted = 0;   // messages made durable
  std::uint64_t refused = 0;    // answered NO
  std::uint64_t strangers = 0;  // connections closed: not allowed, too many
  std::uint64_t rubbish = 0;    // connections closed: not our language
};

// A message as a record of the spool: u16 length of the topic, topic, body.
std::string encode_record(std::string_view topic, std::string_view body);
bool decode_record(std::string_view record, std::string_view& topic, std::string_view& body);

// One thread.
class Server {
 public:
  // Binds. The spool must outlive it. Throws tally::Error as Listener does.
  Server(ServerOptions options, spool::Spool& spool);
  ~Server();

  // A descriptor that is readable when turn() has work.
  int fd() const { return epoll_.get(); }

  // Does what there is to do without waiting: takes connections, reads from each in turn, makes durable, answers.
  void turn();

  // Why senders are told to come again, with the place; empty: nobody was told so since there was room.
  const std::string& no_room() const { return no_room_; }

  const ServerCounts& counts() const { return counts_; }

 private:
  struct Peer {
    Fd fd;
    Decoder decoder;
    std::string who;
    std::string out;             // answers, not yet taken by the socket
    std::vector<Range> waiting;  // in the spool's group, not durable yet
    std::uint32_t events = 0;    // asked of epoll
    bool greeted = false;
    bool watched = false;
    bool gone = false;
  };

  void accept_all();
  void read_from(Peer& peer);
  void take_frames(Peer& peer);
  void take_message(Peer& peer, const MessageFrame& message);
  void refuse(Peer& peer, std::uint64_t sequence, std::int32_t error_class, const std::string& reason);
  void send_away(Peer& peer, const std::string& why);
  void commit();
  void flush(Peer& peer);
  void watch(Peer& peer);
  void warn_once(bool& said, const std::string& text);
  void lack_room(const std::string& why, std::uint64_t bytes);
  void look_for_room();

  ServerOptions options_;
  spool::Spool& spool_;
  Listener listener_;
  Fd epoll_;
  std::map<int, std::unique_ptr<Peer>> peers_;
  std::string block_;
  ServerCounts counts_;
  bool said_stranger_ = false;
  bool said_rubbish_ = false;
  std::string no_room_;
  std::uint64_t wanted_bytes_ = 0;  // for which there was no room
};

}  // namespace tally::local

#endif
