// What a configuration says is what a program gets: defaults, merging, references, plugins' settings, rendering.
// Not for faults: config_faults_test.cc has them.
#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/value.h"

namespace tally::config {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

// A folder that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "tally-config-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const fs::path file = path_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    chmod(file.c_str(), mode);
    return file;
  }

 private:
  fs::path path_;
};

std::string faults_of(const LoadedConfig& loaded) {
  std::string text;
  for (const ConfigFault& fault : loaded.faults) text += fault.to_string() + "\n";
  return text;
}

LoadedConfig load(Program program, const std::string& text, std::span<const PluginKeys> plugins = {}) {
  LoadedConfig loaded = load_config_text(program, "x.yaml", text, plugins);
  EXPECT_EQ(faults_of(loaded), "");
  return loaded;
}

std::vector<PluginKeys> example_plugins() {
  return {{"pollster:exec",
           {{"command", KeyType::list, std::nullopt, "What to run.", false, {}, {}, {}},
            {"timeout", KeyType::duration, "10s", "The time it may take.", false, "100ms", "1h", {}},
            {"output", KeyType::bytes, "1MiB", "The most it may say.", false, "1", {}, {}},
            {"format", KeyType::string, "auto", "Of its output.", false, {}, {}, {"auto", "json", "plain"}},
            {"script", KeyType::path, std::nullopt, "A file.", false, {}, {}, {}},
            {"shell", KeyType::boolean, "no", "By way of a shell.", false, {}, {}, {}}}},
          {"storage:sqlite", {{"password", KeyType::string, std::nullopt, "Of the user.", true, {}, {}, {}}}}};
}

TEST(Config, NothingIsAWorkingConfiguration) {
  for (const Program program : {Program::collector, Program::agent, Program::run}) {
    EXPECT_EQ(faults_of(load_config(program, std::nullopt, {})), "");
    EXPECT_EQ(faults_of(load_config_text(program, "x.yaml", "# nothing\n", {})), "");
  }
}

TEST(Config, DefaultsOfTheDaemons) {
  const Config collector = load(Program::collector, "").config;
  EXPECT_THAT(collector.listen, ElementsAre("local:///run/tally/bus.sock"));
  EXPECT_EQ(collector.storage, "sqlite:///var/lib/tally/tally.db");
  EXPECT_EQ(collector.http.port, 9464);
  EXPECT_EQ(collector.data, "/var/lib/tally");
  EXPECT_TRUE(collector.retention.empty());
  const Config agent = load(Program::agent, "").config;
  EXPECT_EQ(agent.publish, "local:///run/tally/bus.sock");
  EXPECT_EQ(agent.storage, "");
  EXPECT_EQ(agent.http.address, "127.0.0.1");
  EXPECT_EQ(agent.http.port, 9465);
  EXPECT_EQ(agent.source, "openstack");
  EXPECT_FALSE(agent.host.empty());
  EXPECT_EQ(agent.interval_of("host"), seconds(60));
  EXPECT_EQ(agent.interval_of("central"), seconds(300));
}

TEST(Config, RunKeepsEverythingInTheWorkingFolder) {
  const Config config = load(Program::run, "").config;
  const std::string data = (fs::current_path() / "tally-data").string();
  EXPECT_EQ(config.data, data);
  EXPECT_THAT(config.listen, ElementsAre("local://" + data + "/bus.sock"));
  EXPECT_EQ(config.publish, "local://" + data + "/bus.sock");
  EXPECT_EQ(config.storage, "sqlite://" + data + "/tally.db");
}

TEST(Config, DataMovesWhatFollowsFromIt) {
  const Config config = load(Program::run, "data: /srv/t\n").config;
  EXPECT_EQ(config.storage, "sqlite:///srv/t/tally.db");
  EXPECT_EQ(config.publish, "local:///srv/t/bus.sock");
}

TEST(Config, TransportSetsBothAndEachOverridesIt) {
  const Config both = load(Program::run, "transport: amqp://a/\n").config;
  EXPECT_THAT(both.listen, ElementsAre("amqp://a/"));
  EXPECT_EQ(both.publish, "amqp://a/");
  const Config own = load(Program::run, "listen: [amqp://b/, amqp://c/]\ntransport: amqp://a/\n").config;
  EXPECT_THAT(own.listen, ElementsAre("amqp://b/", "amqp://c/"));
  EXPECT_EQ(own.publish, "amqp://a/");
  EXPECT_THAT(load(Program::collector, "listen: amqp://one/\n").config.listen, ElementsAre("amqp://one/"));
}

TEST(Config, IntervalsForAllOrByNamespace) {
  const Config all = load(Program::agent, "polling: {interval: 10s}\n").config;
  EXPECT_EQ(all.interval_of("host"), seconds(10));
  EXPECT_EQ(all.interval_of("compute"), seconds(10));
  const Config one = load(Program::agent, "polling:\n  namespaces: host\n  interval: {host: 500ms}\n").config;
  EXPECT_EQ(one.interval_of("host"), milliseconds(500));
  EXPECT_EQ(one.interval_of("compute"), seconds(300));
  EXPECT_THAT(one.polling.namespaces, ElementsAre("host"));
}

TEST(Config, RetentionForAllOrByMeterInOrder) {
  EXPECT_TRUE(load(Program::collector, "retention: none\n").config.retention.empty());
  const Config all = load(Program::collector, "retention: 90d\n").config;
  ASSERT_EQ(all.retention.size(), 1U);
  EXPECT_EQ(all.retention[0].meter, "*");
  EXPECT_EQ(all.retention[0].age, std::chrono::hours(24 * 90));
  const Config some = load(Program::collector, "retention: {\"disk.*\": 30d, cpu: none}\n").config;
  ASSERT_EQ(some.retention.size(), 2U);
  EXPECT_EQ(some.retention[0].meter, "disk.*");
  EXPECT_EQ(some.retention[1].age, std::nullopt);
}

TEST(Config, DropInsFollowByNameAndDisableAddsUp) {
  const Folder folder;
  const fs::path file =
      folder.write("agent.yaml",
                   "source: one\npolling: {interval: {host: 1s, compute: 2s}}\ndisable: {plugins: [\"pollster:a\"]}\n");
  folder.write("agent.d/20.yaml", "source: three\ndisable: {plugins: [\"pollster:b\"]}\n");
  folder.write("agent.d/10.yaml", "source: two\npolling: {interval: {host: 9s}}\n");
  folder.write("agent.d/30.txt", "source: never\n");
  const LoadedConfig loaded = load_config(Program::agent, file, {});
  EXPECT_EQ(faults_of(loaded), "");
  EXPECT_EQ(loaded.files.size(), 3U);
  EXPECT_EQ(loaded.config.source, "three");
  EXPECT_EQ(loaded.config.interval_of("host"), seconds(9));
  EXPECT_EQ(loaded.config.interval_of("compute"), seconds(2));
  ASSERT_EQ(loaded.config.disable.plugins.size(), 2U);
  EXPECT_EQ(loaded.config.disable.plugins[1].pattern, "pollster:b");
  EXPECT_THAT(loaded.config.disable.plugins[1].file, HasSubstr("20.yaml"));
  EXPECT_EQ(loaded.config.disable.plugins[1].line, 2);
  EXPECT_EQ(loaded.config.disable.plugins[1].column, 21);
}

TEST(Config, AbsentFileIsADefaultWithAWarning) {
  const LoadedConfig loaded = load_config(Program::agent, "/nonexistent/agent.yaml", {});
  EXPECT_TRUE(loaded.valid());
  EXPECT_THAT(faults_of(loaded), HasSubstr("/nonexistent/agent.yaml: warning: there is no such file"));
}

TEST(Config, ReferencesToFilesAndTheEnvironment) {
  const Folder folder;
  folder.write("secret", "hunter2\n");
  const fs::path file = folder.write("collector.yaml",
                                     "telemetry_secret: {file: secret}\nsource: {env: TALLY_TEST_SOURCE}\n"
                                     "batch: {age: {env: TALLY_TEST_AGE}}\n");
  setenv("TALLY_TEST_SOURCE", "cloud", 1);
  setenv("TALLY_TEST_AGE", "500ms", 1);
  const LoadedConfig loaded = load_config(Program::collector, file, {});
  EXPECT_EQ(faults_of(loaded), "");
  EXPECT_EQ(loaded.config.telemetry_secret, "hunter2");
  EXPECT_EQ(loaded.config.source, "cloud");
  EXPECT_EQ(loaded.config.batch.age, milliseconds(500));
  EXPECT_THAT(render_config(loaded), Not(HasSubstr("hunter2")));
}

TEST(Config, PluginsGetEveryKeyInCanonicalForm) {
  const auto plugins = example_plugins();
  const LoadedConfig unset = load(Program::run, "", plugins);
  EXPECT_THAT(unset.config.plugins.at("pollster:exec"), ElementsAre(Pair("timeout", "10"), Pair("output", "1048576"),
                                                                    Pair("format", "auto"), Pair("shell", "false")));
  EXPECT_TRUE(unset.config.plugins.at("storage:sqlite").empty());
  const LoadedConfig set =
      load(Program::run,
           "plugins:\n  pollster:exec: {command: [/bin/x, \"a\\\"b\"], timeout: 1500ms, output: 4k, "
           "format: json, script: /a/../b, shell: on}\n",
           plugins);
  EXPECT_THAT(set.config.plugins.at("pollster:exec"),
              ElementsAre(Pair("command", "[\"/bin/x\", \"a\\\"b\"]"), Pair("timeout", "1.5"), Pair("output", "4000"),
                          Pair("format", "json"), Pair("script", "/b"), Pair("shell", "true")));
}

TEST(Config, HttpAndLog) {
  const Config off = load(Program::agent, "http: none\nlog: {format: json}\n").config;
  EXPECT_TRUE(off.http.address.empty());
  EXPECT_TRUE(off.json_log);
  const Config six = load(Program::agent, "http: \"[::1]:80\"\n").config;
  EXPECT_EQ(six.http.address, "[::1]");
  EXPECT_EQ(six.http.port, 80);
}

TEST(Config, ShowTellsOriginsAndHidesSecrets) {
  const auto plugins = example_plugins();
  const LoadedConfig loaded =
      load(Program::collector,
           "storage: postgresql://tally:hunter2@db/tally\ntelemetry_secret: s3cret\n"
           "plugins: {\"storage:sqlite\": {password: pa55}, \"pollster:exec\": {timeout: 90s}}\n",
           plugins);
  const std::string shown = render_config(loaded);
  for (const char* secret : {"hunter2", "s3cret", "pa55"}) {
    EXPECT_THAT(shown, Not(HasSubstr(secret)));
    for (const Setting& setting : loaded.settings) EXPECT_THAT(setting.value, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(shown, testing::ContainsRegex(
                         "storage: postgresql://tally:\\*\\*\\*@db/tally|\"postgresql://tally:\\*\\*\\*@db/tally\""));
  EXPECT_THAT(shown, testing::ContainsRegex("plugins.pollster:exec.timeout: 90s +# x.yaml:3:"));
  EXPECT_THAT(shown, testing::ContainsRegex("data: /var/lib/tally +# default"));
  EXPECT_EQ(loaded.origins.at("storage").line, 1);
}

// A person takes the comment signs off: what comes out must be a valid file that says the defaults.
TEST(Config, TheSampleIsValidWhenUncommented) {
  auto plugins = example_plugins();
  for (const Program program : {Program::collector, Program::agent, Program::run}) {
    const std::string sample = config_sample(program, plugins);
    EXPECT_EQ(load(program, sample, plugins).origins.size(), 0U);
    std::istringstream lines(sample);
    std::string text;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# ")) line.erase(0, 2);
      const std::size_t reference = line.find("{file: ");
      if (reference != std::string::npos) line.replace(reference, std::string::npos, "word");
      text += line + "\n";
    }
    const LoadedConfig loaded = load_config_text(program, "sample.yaml", text, plugins);
    EXPECT_EQ(faults_of(loaded), "") << text;
    EXPECT_GT(loaded.origins.size(), 12U);
  }
  EXPECT_THAT(config_sample(Program::agent, plugins), Not(HasSubstr("storage:sqlite")));
}

TEST(Config, TheReferenceNamesEveryKey) {
  const auto plugins = example_plugins();
  const std::string page = config_reference(plugins);
  for (const char* key :
       {"`transport`", "`polling.interval`", "`storage`", "### pollster:exec", "`timeout`", "secret"}) {
    EXPECT_THAT(page, HasSubstr(key));
  }
}

TEST(ConfigValue, Durations) {
  using std::chrono::microseconds;
  for (const auto& [text, us] : std::vector<std::pair<std::string, std::int64_t>>{{"0", 0},
                                                                                  {"500ms", 500'000},
                                                                                  {"60s", 60'000'000},
                                                                                  {"5m", 300'000'000},
                                                                                  {"1h30m", 5'400'000'000},
                                                                                  {"90d", 7'776'000'000'000},
                                                                                  {"2w", 1'209'600'000'000},
                                                                                  {"0.5s", 500'000},
                                                                                  {"1.5h", 5'400'000'000}}) {
    const auto value = parse_duration(text);
    ASSERT_TRUE(value.ok()) << text;
    EXPECT_EQ(value->count(), us) << text;
    EXPECT_EQ(parse_duration(format_duration(*value))->count(), us) << text;
  }
  for (const char* text : {"", "s", "-1s", "1x", "1.2.3s", "60", "1s2", "9999999999999999999d", "1 s", ".s", "1.s"}) {
    EXPECT_FALSE(parse_duration(text).ok()) << text;
  }
  EXPECT_EQ(format_duration(microseconds{7'776'000'000'000}), "90d");
  EXPECT_EQ(format_duration(microseconds{90'000'000}), "90s");
}

TEST(ConfigValue, Bytes) {
  for (const auto& [text, count] : std::vector<std::pair<std::string, std::uint64_t>>{{"0", 0},
                                                                                      {"4096", 4096},
                                                                                      {"64MiB", 67108864},
                                                                                      {"1GB", 1000000000},
                                                                                      {"4k", 4000},
                                                                                      {"1.5KiB", 1536},
                                                                                      {"2 TiB", 2199023255552}}) {
    const auto value = parse_bytes(text);
    ASSERT_TRUE(value.ok()) << text;
    EXPECT_EQ(*value, count) << text;
    EXPECT_EQ(*parse_bytes(format_bytes(*value)), count) << format_bytes(*value);
  }
  for (const char* text : {"", "MiB", "-1", "1XB", "99999999999TiB", "1.2.3M"})
    EXPECT_FALSE(parse_bytes(text).ok()) << text;
  EXPECT_EQ(format_bytes(67108864), "64MiB");
}

TEST(ConfigValue, IntegersAndBooleans) {
  EXPECT_EQ(*parse_integer("-9223372036854775808"), INT64_MIN);
  for (const char* text : {"", "1.0", "9223372036854775808", "0x10", "1 "})
    EXPECT_FALSE(parse_integer(text).ok()) << text;
  EXPECT_TRUE(*parse_boolean("Yes"));
  EXPECT_FALSE(*parse_boolean("off"));
  EXPECT_FALSE(parse_boolean("1").ok());
}

TEST(ConfigValue, Suggestions) {
  const std::vector<std::string_view> words = {"interval", "listen", "pollster:libvirt", "storage"};
  EXPECT_EQ(nearest("intervall", words), "interval");
  EXPECT_EQ(nearest("litsen", words), "listen");
  EXPECT_EQ(nearest("libvrit", words), "pollster:libvirt");
  EXPECT_EQ(nearest("zzz", words), "");
}

}  // namespace
}  // namespace tally::config
