#include "options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include <tally/sdk/error.h>

#include "sharing.h"

namespace tally::amqp {
namespace {

constexpr std::size_t kMostQueues = 500;
constexpr std::size_t kLongestName = 255;

// The default of `exchanges`.
constexpr std::array<std::string_view, 14> kUsualExchanges = {"nova",     "glance", "neutron", "cinder", "heat",
                                                              "keystone", "trove",  "zaqar",   "swift",  "ceilometer",
                                                              "magnum",   "dns",    "ironic",  "aodh"};

std::chrono::milliseconds time(const Config& config, std::string_view key) {
  return std::chrono::ceil<std::chrono::milliseconds>(config.duration(key));
}

// The URL's, else the key's. Whether it can be read is seen whenever a connection is made.
TlsFile tls_file(const Config& config, const std::string& key, const std::optional<std::string>& said,
                 const char* parameter) {
  if (said) return {std::string("the URL's ") + parameter, *said};
  return {key, config.has(key) ? config.text(key) : std::string()};
}

// What may be there of this configuration: what it consumes, what is ours from another time, what the services make.
std::vector<KnownQueue> known_queues(const Config& config, const std::vector<LaneOptions>& consumed,
                                     const TopologyOptions& own) {
  std::vector<KnownQueue> all;
  const auto add = [&](const std::string& name, bool ours) {
    const auto same = [&](const KnownQueue& queue) { return queue.name == name; };
    if (std::any_of(all.begin(), all.end(), same)) return;
    const auto takes = [&](const LaneOptions& lane) { return lane.queue == name; };
    const std::string marker = ours ? std::string() : marker_of(config.text("own_prefix"), name);
    const bool is_consumed = std::any_of(consumed.begin(), consumed.end(), takes);
    all.push_back({name, ours, is_consumed, ours && is_consumed ? own : TopologyOptions(), marker});
  };
  for (const std::string& topic : config.list("topics")) add(config.text("own_prefix") + topic, true);
  for (const LaneOptions& lane : consumed) add(lane.queue, false);
  for (const std::string& topic : config.list("topics")) {
    for (const std::string& priority : config.list("priorities")) add(topic + "." + priority, false);
  }
  return all;
}

// Queues of our own: one a topic.
TopologyOptions topology(const Config& config) {
  TopologyOptions own;
  if (config.text("queues") != "own") return own;
  for (const std::string& topic : config.list("topics")) {
    OwnQueue queue{config.text("own_prefix") + topic, {}};
    for (const std::string& priority : config.list("priorities")) queue.keys.push_back(topic + "." + priority);
    if (!queue.keys.empty()) own.queues.push_back(std::move(queue));
  }
  own.exchanges = config.list("exchanges");
  own.usual = std::ranges::equal(own.exchanges, kUsualExchanges);
  own.type = config.text("own_type");
  own.overflow = config.text("own_overflow");
  own.length = config.integer("own_length");
  own.length_bytes = static_cast<std::int64_t>(config.bytes("own_bytes"));
  own.delivery_limit = config.integer("own_deliveries");
  own.look_again = time(config, "look_again");
  return own;
}

std::vector<std::string> queues(const Config& config, const TopologyOptions& own) {
  std::vector<std::string> names = config.list("queue_names");
  for (const OwnQueue& queue : own.queues) names.push_back(queue.name);
  if (names.empty()) {
    for (const std::string& topic : config.list("topics")) {
      for (const std::string& priority : config.list("priorities")) names.push_back(topic + "." + priority);
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.empty()) throw Error::permanent("topics, priorities: there is no queue to consume, name at least one each");
  if (names.size() > kMostQueues) throw Error::permanent("topics, priorities: more than 500 queues; name fewer");
  for (const std::string& name : names) {
    if (name.empty() || name.size() > kLongestName) {
      throw Error::permanent("queue \"" + name + "\": a queue's name has 1 to 255 bytes");
    }
  }
  return names;
}

// For a shell.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

// As a regular expression that matches it alone.
std::string escaped(const std::string& word) {
  std::string text;
  for (const char c : word) {
    if (std::string_view(".*+?()[]{}|^$\\").find(c) != std::string_view::npos) text += '\\';
    text += c;
  }
  return text;
}

// Which queues a collector reads, as a regular expression.
std::string reads(const Config& config) {
  if (!config.list("queue_names").empty()) return ".*";
  std::string either;
  for (const std::string& topic : config.list("topics")) either += (either.empty() ? "" : "|") + escaped(topic);
  return either.find('|') == std::string::npos ? "^" + either + "\\." : "^(" + either + ")\\.";
}

// What gives the URL's user its rights, up to the rights themselves.
std::string way_out(const Connection::Options& connection) {
  return "; allow it (this replaces the user's rights there: repeat those that it needs besides): rabbitmqctl "
         "set_permissions -p " +
         quoted(connection.link.vhost) + " " + quoted(connection.address.hosts.front().user) + " ";
}

LinkOptions link_options(const Config& config, const Address& address) {
  LinkOptions link;
  link.vhost = address.vhost;
  link.tls.on = address.tls;
  const Parameters& said = address.parameters;
  link.tls.verify = said.verify.value_or(config.boolean("tls_verify"));
  link.tls.verify_name = said.verify_name.value_or(config.boolean("tls_verify_name"));
  link.tls.version = said.version.value_or("");
  link.tls.ca = tls_file(config, "tls_ca", said.ca, "ssl_ca_file");
  link.tls.cert = tls_file(config, "tls_cert", said.cert, "ssl_cert_file");
  link.tls.key = tls_file(config, "tls_key", said.key, "ssl_key_file");
  link.heartbeat_s = said.heartbeat_s.value_or(
      static_cast<int>(std::chrono::ceil<std::chrono::seconds>(config.duration("heartbeat")).count()));
  link.connect_timeout = time(config, "connect_timeout");
  link.name = "tally " + config.host() + " " + std::to_string(::getpid());
  return link;
}

}  // namespace

Options Options::read(const Config& config) {
  Options options;
  Connection::Options& connection = options.connection;
  connection.address = parse_url(config.url(), config.boolean("tls"));
  connection.link = link_options(config, connection.address);
  connection.first_pause = time(config, "retry_first");
  connection.last_pause = std::max(time(config, "retry_last"), connection.first_pause);

  const std::size_t longest = config.bytes("max_message");
  options.consumer.buffer_bytes = config.bytes("buffer");
  options.consumer.depth_every = time(config, "depth_every");
  if (config.text("own_prefix").empty()) {
    throw Error::permanent("own_prefix: must not be empty, or a queue of the services would be taken for ours");
  }
  const std::string grant = way_out(connection);
  options.consumer.topology = topology(config);
  options.consumer.own_prefix = config.text("own_prefix");
  const bool own = !options.consumer.topology.queues.empty();
  // As `tally migrate check` prints it: consuming and publishing, of one user.
  const std::string ours =
      quoted("^(" + escaped(config.text("own_prefix")) + ".*|" + escaped(config.text("exchange")) + ")$");
  options.consumer.topology.way_out = grant + ours + " " + ours + " '.*'";
  for (const std::string& queue : queues(config, options.consumer.topology)) {
    LaneOptions lane;
    lane.queue = queue;
    lane.prefetch = static_cast<std::uint16_t>(config.integer("prefetch"));
    lane.look_again = time(config, "look_again");
    lane.longest_body = longest;
    lane.by_key = own;
    lane.way_out = own ? options.consumer.topology.way_out : grant + "'' '' " + quoted(reads(config));
    lane.tag = connection.link.name + " " + queue;
    options.consumer.lanes.push_back(std::move(lane));
  }
  options.known = known_queues(config, options.consumer.lanes, options.consumer.topology);
  options.publisher.exchange = config.text("exchange");
  options.publisher.durable = config.boolean("durable");
  options.publisher.own = options.consumer.topology;
  options.publisher.longest_body = longest;
  return options;
}

}  // namespace tally::amqp
