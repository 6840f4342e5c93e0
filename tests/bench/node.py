"""The agents of a node: what they hold in memory, how soon they measure, and what a hypervisor's instances cost.
Not for whom they are compared with: neighbours.py runs those, and bulk.c is the least that libvirt asks for.
"""
import contextlib
import os
import subprocess

import cloud
import neighbours
import processes

import libvirt  # tests/services, found by cloud.py

DOMAIN = """<domain type='test'><name>instance-{n:08x}</name><uuid>6695eb01-f6a4-8304-79aa-{n:012x}</uuid><metadata>
<nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1"><nova:name>web{n}</nova:name>
<nova:flavor name="m1.small"><nova:memory>2048</nova:memory><nova:disk>20</nova:disk><nova:swap>0</nova:swap>
<nova:ephemeral>0</nova:ephemeral><nova:vcpus>1</nova:vcpus></nova:flavor><nova:owner><nova:user uuid="u{n}">alice</nova:user>
<nova:project uuid="p{n}">shop</nova:project></nova:owner></nova:instance></metadata>
<memory unit='MiB'>2048</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>"""
SAMPLES_OF_DOMAIN = 3  # power.state and the flavor's two disks: libvirt's test driver has no counters


def in_words(memory):
    return " / ".join(f"{memory[key] / 1024:.1f}" for key in ("Rss", "Pss", "Private_Dirty")) + " MiB"


def agent(bench):
    os.sync()  # what was linked just now counts as dirty until it is on disk
    first_s = processes.first_sample_s(bench)
    with processes.Agent(bench, "10s") as one:
        one.wait_for_cycles(2)
        spent_s = one.cpu_of_cycles(60 if bench.everything else 20)
        memory = one.memory_kib()
        collectd = neighbours.collectd(bench, 10, 2)
    bench.say("agent: from its start to the first message confirmed", f"{first_s * 1e3:.0f} ms", "at most 500 ms",
              first_s <= 0.5)
    bench.say("agent at 10 s: resident", f"{memory['Rss'] / 1024:.1f} MiB", "at most 10 MB", memory["Rss"] * 1024 <= 10e6)
    bench.say("agent at 10 s: private dirty", f"{memory['Private_Dirty'] / 1024:.2f} MiB", "at most 3 MB",
              memory["Private_Dirty"] * 1024 <= 3e6)
    bench.say(f"agent: CPU a cycle of {one.pollsters} pollsters", f"{spent_s * 1e3:.2f} ms")
    beside(bench, memory, "collectd: resident / its share / private dirty", collectd)
    beside(bench, memory, "ceilometer-polling, idle, both processes", neighbours.ceilometer(bench))
    buses(bench, memory)
    growth(bench)


def beside(bench, own, name, theirs):
    if theirs is None:
        return bench.say(name, "not installed")
    bench.say(name, in_words(theirs), f"the agent: {own['Rss'] / theirs['Rss']:.2f} of it")


def buses(bench, local):
    """What another bus than the local one adds."""
    for name, server in (("amqp", cloud.Rabbitmq), ("kafka", cloud.Kafka)):
        with contextlib.ExitStack() as stack:
            url = stack.enter_context(server()).url
            one = stack.enter_context(processes.Agent(bench, "1s", bus=url))
            one.seconds_until(1)
            one.wait_for_cycles(3)
            memory = one.memory_kib()
        more = [(memory[key] - local[key]) / 1024 for key in ("Rss", "Private_Dirty")]
        bench.say(f"agent over {name}", in_words(memory), f"{more[0]:.1f} and {more[1]:.1f} MiB more")


def growth(bench):
    first, last = (1_000, 10_000) if bench.everything else (500, 1_500)
    with processes.Agent(bench, "10ms") as one:
        one.wait_for_cycles(first)
        before = one.memory_kib()
        one.wait_for_cycles(last)
        after = one.memory_kib()
    for key in ("Rss", "Private_Dirty"):
        ratio = after[key] / before[key]
        bench.say(f"agent, {key} after {last:,} cycles beside {first:,}", f"{ratio:.3f}", "at most 1.02", ratio <= 1.02)


def hypervisor(bench, domains):
    """The URI of libvirt's test driver with so many domains."""
    file = bench.folder / f"node-{domains}.xml"
    file.write_text(f"<node>{''.join(DOMAIN.format(n=n) for n in range(domains))}</node>")
    return f"test://{file}"


def bulk_kib(bench, uri):
    """The memory of a C program that makes the bulk call and nothing else, after its third one."""
    with subprocess.Popen([bench.build / "tests/bench/bench-bulk", uri], stdout=subprocess.PIPE, text=True) as process:
        for _ in range(3):
            if not process.stdout.readline().strip().isdigit():
                raise RuntimeError("bench-bulk failed")
        memory = processes.memory_kib(process.pid)
        process.kill()
    return memory


def more_than(bench, floor, memory, most_bytes=None):
    more = (memory["Rss"] - floor["Rss"]) * 1024
    bench.say("  the agent", in_words(memory))
    bench.say("  beside each other: resident", f"{more / 1e6:.2f} MB more", "at most 6 MB" if most_bytes else "",
              more <= most_bytes if most_bytes else None)


def guests(bench):
    """Two guests of a real QEMU, by libvirtd: what a compute node has."""
    if libvirt.missing():
        return bench.say("guests of a hypervisor", libvirt.missing())
    with libvirt.Libvirt() as server:
        for number in (1, 2):
            server.virsh("start", server.define(number))
        floor = bulk_kib(bench, server.url)
        extra = f"plugins: {{'discovery:libvirt': {{uri: '{server.url}', run_folder: '{server.run_folder}'}}}}\n"
        with processes.Agent(bench, "1s", "compute", extra=extra) as one:
            one.wait_for_cycles(12)
            memory = one.memory_kib()
    bench.say("2 guests by libvirtd: the bulk call alone", in_words(floor))
    more_than(bench, floor, memory, 6e6)


def instances(bench):
    os.sync()
    if not (bench.build / "tests/bench/bench-bulk").exists():
        return bench.say("instances", "no libvirt-dev")
    guests(bench)
    spent = {}
    for domains in (1, 100, 1_000, 10_000):
        uri = hypervisor(bench, domains)
        floor = bulk_kib(bench, uri)
        extra = f"plugins: {{'discovery:libvirt': {{uri: '{uri}'}}}}\n"
        interval_s = 5 if domains > 1_000 else 1
        with processes.Agent(bench, f"{interval_s}s", "compute", extra=extra) as one:
            published_s = one.seconds_until(domains * SAMPLES_OF_DOMAIN)
            one.wait_for_cycles(3)
            memory = one.memory_kib()
            spent[domains] = one.cpu_of(10 * interval_s) / 10
        bench.say(f"{domains:,} domains of the test driver: the bulk call alone", in_words(floor))
        more_than(bench, floor, memory)
        if domains == 1_000:
            bench.say("  program's start to the whole cycle published", f"{published_s:.2f} s", "at most 2 s",
                      published_s <= 2)
        bench.say("  CPU a cycle", f"{spent[domains] * 1e3:.1f} ms")
    for more, less in ((1_000, 100), (10_000, 1_000)):
        ratio = spent[more] / spent[less]
        bench.say(f"CPU of {more:,} domains beside {less:,}", f"{ratio:.1f} times", "at most 12, ten is linear", ratio <= 12)
