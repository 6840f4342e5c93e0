"""An Apache Kafka of the test's own: one KRaft broker on free ports, from Maven Central (pom.xml pins it).
Not for what is sent through it."""
import os
import pathlib
import shutil
import subprocess

from service import Service, free_ports, wait_until

HERE = pathlib.Path(__file__).resolve().parent
LIBS = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tally-tests/kafka-4.3.1"
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"

SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
num.partitions=3
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=4194304
{extra}
"""
LOGGING = """appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
"""


def libraries():
    """Where the broker's jars are; fetched once, complete or not there."""
    if not LIBS.is_dir():
        LIBS.parent.mkdir(parents=True, exist_ok=True)
        fresh = LIBS.with_name(f"{LIBS.name}.{os.getpid()}")
        subprocess.run(["mvn", "-q", "-B", "-f", HERE / "pom.xml", "dependency:copy-dependencies",
                        "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"], check=True)
        try:
            fresh.rename(LIBS)
        except OSError:  # somebody else was quicker
            shutil.rmtree(fresh)
    return LIBS


class Kafka(Service):
    name = "kafka"

    def __init__(self, folder=None, settings="", heap="512m", advertised=None):
        """`settings`: further lines of server.properties. `advertised`: the port of a proxy in front of it."""
        super().__init__(folder)
        self.port, self.controller_port = free_ports(2)
        self.heap = heap
        self.advertised = advertised
        self.settings = settings
        self.server = f"127.0.0.1:{self.advertised or self.port}"
        self.url = f"kafka://{self.server}/"

    def java(self, heap, *words):
        return ["java", f"-Xms{heap}", f"-Xmx{heap}", f"-Dlog4j2.configurationFile={self.folder}/log4j2.properties",
                "-cp", f"{libraries()}/*", *words]

    def start(self):
        (self.folder / "log4j2.properties").write_text(LOGGING)
        config = self.folder / "server.properties"
        config.write_text(SETTINGS.format(port=self.port, controller=self.controller_port, folder=self.folder,
                                          advertised=self.advertised or self.port, extra=self.settings))
        if not (self.folder / "data").exists():
            self.run(self.java("64m", "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", config))
        self.spawn(self.java(self.heap, "kafka.Kafka", config))
        wait_until("Kafka is up", self.answers, 120)

    def answers(self):
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"Kafka ended: {(self.folder / 'out').read_text()[-3000:]}")
        return subprocess.run(["kcat", "-b", f"127.0.0.1:{self.port}", "-L", "-m", "2"],
                              capture_output=True).returncode == 0

    def tool(self, name, *words):
        """One of Kafka's command-line tools, "TopicCommand"; takes about a second. Its output."""
        return self.run(self.java("64m", f"org.apache.kafka.tools.{name}", "--bootstrap-server",
                                  f"127.0.0.1:{self.port}", *words))

    def create_topic(self, topic, partitions=3, **settings):
        options = [word for key, value in settings.items() for word in ("--config", f"{key.replace('_', '.')}={value}")]
        self.tool("TopicCommand", "--create", "--topic", topic, "--partitions", str(partitions), *options)

    environment = property(lambda self: {"TALLY_TEST_KAFKA": self.server})
