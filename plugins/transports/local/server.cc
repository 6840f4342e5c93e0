// Serves several senders at once: one epoll turn reads from all, commits as one group, then answers.
// Not for giving messages to the host (see consumer.cc).
#include "server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include <tally/sdk/error.h>

namespace tally::local {
namespace {

constexpr std::size_t kBlock = 256 * 1024;       // read from one peer in one turn
constexpr std::uint64_t kGroup = 4ULL << 20;     // bytes committed together at most
constexpr std::size_t kMostUnsent = 1ULL << 20;  // a peer that does not read its answers is not read from
constexpr std::size_t kTopicBytes = 2;

void add(std::vector<Range>& ranges, std::uint64_t sequence) {
  if (!ranges.empty() && ranges.back().last + 1 == sequence) {
    ranges.back().last = sequence;
  } else {
    ranges.push_back({sequence, sequence});
  }
}

}  // namespace

std::string encode_record(std::string_view topic, std::string_view body) {
  std::string record;
  record.reserve(kTopicBytes + topic.size() + body.size());
  record.push_back(static_cast<char>(topic.size() & 0xFFU));
  record.push_back(static_cast<char>(topic.size() >> 8));
  record.append(topic);
  record.append(body);
  return record;
}

bool decode_record(std::string_view record, std::string_view& topic, std::string_view& body) {
  if (record.size() < kTopicBytes) return false;
  const std::size_t size =
      static_cast<unsigned char>(record[0]) + std::size_t{static_cast<unsigned char>(record[1])} * 256;
  if (record.size() < kTopicBytes + size) return false;
  topic = record.substr(kTopicBytes, size);
  body = record.substr(kTopicBytes + size);
  return true;
}

Server::Server(ServerOptions options, spool::Spool& spool)
    : options_(std::move(options)),
      spool_(spool),
      listener_(options_.socket, options_.access),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      block_(kBlock, '\0') {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_.fd();
  if (!epoll_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.fd(), &event) != 0) {
    throw Error::transient(options_.socket.string() + ": cannot wait for senders: " + system_error_text(errno));
  }
}

Server::~Server() = default;

void Server::turn() {
  look_for_room();
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == listener_.fd()) {
      accept_all();
      continue;
    }
    const auto found = peers_.find(event.data.fd);
    if (found == peers_.end()) continue;
    Peer& peer = *found->second;
    if ((event.events & EPOLLOUT) != 0) flush(peer);
    if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_from(peer);
  }
  commit();
  std::erase_if(peers_, [](const auto& peer) { return peer.second->gone; });
}

void Server::accept_all() {
  for (int fd = listener_.accept(); fd >= 0; fd = listener_.accept()) {
    auto peer = std::make_unique<Peer>(Peer{Fd(fd), Decoder(options_.max_message), {}, {}, {}});
    const bool allowed = options_.access.allows(fd, peer->who);
    if (!allowed || peers_.size() >= options_.most_peers) {
      ++counts_.strangers;
      warn_once(said_stranger_,
                options_.socket.string() + ": closed a connection of " + peer->who +
                    (allowed ? ": too many senders at once" : ": not allowed; name its user or group in `allow`") +
                    "; further ones are only counted");
      continue;
    }
    Peer& kept = *peer;
    peers_[fd] = std::move(peer);
    watch(kept);
  }
}

void Server::read_from(Peer& peer) {
  if (peer.gone || peer.out.size() > kMostUnsent) return;
  const ssize_t got = ::recv(peer.fd.get(), block_.data(), block_.size(), 0);
  if (got > 0) {
    peer.decoder.feed(std::string_view(block_).substr(0, static_cast<std::size_t>(got)));
    take_frames(peer);
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    peer.gone = true;  // a frame that it did not finish was never answered, so nobody counts on it
  }
}

void Server::take_frames(Peer& peer) {
  Frame frame;
  while (!peer.gone) {
    const Decoder::Got got = peer.decoder.next(frame);
    if (got == Decoder::Got::nothing) return;
    if (got == Decoder::Got::rubbish) return send_away(peer, "bytes that are not a frame");
    if (got == Decoder::Got::too_large) {
      MessageFrame message;
      std::string padded(frame.payload);
      padded.append(2, '\0');
      static_cast<void>(get_message(padded, message));
      refuse(peer, message.sequence, TALLY_PERMANENT,
             "longer than max_message (" + std::to_string(options_.max_message) + " bytes)");
      continue;
    }
    if (!peer.greeted) {
      Hello hello;
      if (frame.type != FrameType::hello || !get_hello(frame.payload, hello)) return send_away(peer, "no greeting");
      peer.greeted = true;
      put_hello(peer.out, {kVersion, options_.max_message});
      if (hello.version != kVersion) {
        flush(peer);
        return send_away(
            peer, "version " + std::to_string(hello.version) + " of the framing, here is " + std::to_string(kVersion));
      }
      continue;
    }
    MessageFrame message;
    if (frame.type != FrameType::message || !get_message(frame.payload, message)) {
      return send_away(peer, "a frame that a sender does not send");
    }
    take_message(peer, message);
  }
}

void Server::take_message(Peer& peer, const MessageFrame& message) {
  if (message.body.size() > options_.max_message) {
    return refuse(peer, message.sequence, TALLY_PERMANENT,
                  "longer than max_message (" + std::to_string(options_.max_message) + " bytes)");
  }
  const spool::SpoolStatus status = spool_.append(encode_record(message.topic, message.body));
  if (status.ok()) {
    add(peer.waiting, message.sequence);
    if (spool_.unsynced_bytes() >= kGroup) commit();
    return;
  }
  const bool never = status.code == spool::SpoolCode::too_large;
  refuse(peer, message.sequence, never ? TALLY_PERMANENT : TALLY_TRANSIENT, status.text);
  if (!never) lack_room(status.text, message.body.size());
}

void Server::refuse(Peer& peer, std::uint64_t sequence, std::int32_t error_class, const std::string& reason) {
  ++counts_.refused;
  put_no(peer.out, {sequence, error_class, reason});
}

void Server::send_away(Peer& peer, const std::string& why) {
  peer.gone = true;
  ++counts_.rubbish;
  warn_once(said_rubbish_, options_.socket.string() + ": closed the connection of " + peer.who + ": it sent " + why +
                               "; further ones are only counted");
}

// Makes durable what all peers sent, then tells each.
void Server::commit() {
  const std::uint64_t bytes = spool_.unsynced_bytes();
  const spool::SpoolStatus status = spool_.sync();
  if (!status.ok()) lack_room(status.text, bytes);
  for (auto& [fd, peer] : peers_) {
    for (const Range& range : peer->waiting) {
      const std::uint64_t count = range.last - range.first + 1;
      if (status.ok()) {
        counts_.accepted += count;
      } else {
        for (std::uint64_t at = 0; at < count; ++at) refuse(*peer, range.first + at, TALLY_TRANSIENT, status.text);
      }
    }
    if (status.ok() && !peer->waiting.empty()) put_ok(peer->out, peer->waiting);
    peer->waiting.clear();
    if (!peer->out.empty()) flush(*peer);
  }
}

void Server::flush(Peer& peer) {
  while (!peer.gone && !peer.out.empty()) {
    const ssize_t sent = ::send(peer.fd.get(), peer.out.data(), peer.out.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      peer.out.erase(0, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      peer.gone = true;
    }
  }
  watch(peer);
}

void Server::watch(Peer& peer) {
  if (peer.gone) return;
  const std::uint32_t wanted = (peer.out.size() > kMostUnsent ? 0U : static_cast<std::uint32_t>(EPOLLIN)) |
                               (peer.out.empty() ? 0U : static_cast<std::uint32_t>(EPOLLOUT));
  if (wanted == peer.events) return;
  epoll_event event{};
  event.events = wanted;
  event.data.fd = peer.fd.get();
  const int what = peer.watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll_.get(), what, peer.fd.get(), &event) != 0) peer.gone = true;
  peer.events = wanted;
  peer.watched = true;
}

void Server::warn_once(bool& said, const std::string& text) {
  if (!said && options_.warn) options_.warn(text);
  said = true;
}

void Server::lack_room(const std::string& why, std::uint64_t bytes) {
  const bool said = !no_room_.empty();
  no_room_ = why + ": senders are told to come again";
  wanted_bytes_ = bytes;
  if (!said && options_.warn) options_.warn(no_room_);
}

// Asked each turn, since those who were sent away need not come again soon.
void Server::look_for_room() {
  if (no_room_.empty()) return;
  if (spool_.pending() > 0 && spool_.bytes() + wanted_bytes_ > spool_.capacity_bytes()) return;
  std::error_code error;
  const auto space = std::filesystem::space(options_.socket.parent_path(), error);
  if (error || space.available > wanted_bytes_) no_room_.clear();
}

}  // namespace tally::local
