"""The namespace central: a cloud's services asked by definitions, with pages, tokens that end, and bad servers."""
import json
import os
import pathlib
import subprocess

import openstack_language
from openstack_cloud import ACCOUNTS, LISTS, OWN, PASSWORD, PROJECTS, USER, Cloud
from support import PREFIX, Sandbox, free_port, wait_until


class Central(Sandbox):
    def setUp(self):
        super().setUp()
        self.env["no_proxy"] = "*"

    def cloud(self, **options):
        cloud = Cloud(**options)
        self.addCleanup(cloud.close)
        return cloud

    def plugins(self, cloud, keys="", pollster=""):
        """The plugins' part of a configuration."""
        self.write("secret", PASSWORD + "\n").chmod(0o600)
        return (f"plugins:\n  'discovery:openstack':\n    {{auth_url: '{cloud.url}/identity', username: {USER}, "
                f"password: {{file: secret}}, project_name: service, region_name: one{keys}}}\n"
                f"  'pollster:openstack': {{{pollster}}}\n")

    def poll(self, cloud, status=0, **parts):
        """Rows by (meter, resource), and what stderr says."""
        config = self.write("t.yaml", self.plugins(cloud, **parts))
        out, err = self.tally("--config", config, "poll", "--namespace", "central", "-f", "json", status=status)
        self.assertNotIn(PASSWORD, out + err)
        rows = json.loads(out)
        found = {(row["name"], row["resource_id"]): row for row in rows}
        self.assertEqual(len(found), len(rows), "a sample is there twice")
        return found, err


class WithoutCredentials(Central):
    def test_off_with_its_reason_and_never_loaded(self):
        rows = {f'{row["role"]}:{row["name"]}': row for row in self.rows("plugin", "list")}
        for key in ("discovery:openstack", "pollster:openstack"):
            self.assertEqual(rows[key]["state"], "absent")
            self.assertIn('"discovery:openstack": auth_url, which is not set', rows[key]["reason"])
        port = free_port()
        config = self.write("agent.yaml", f"publish: 'local://{self.folder}/bus.sock'\ndata: '{self.folder}/data'\n"
                                          f"http: 127.0.0.1:{port}\npolling: {{interval: 1s}}\n")
        process = self.start("tally-agent", "--config", config, "--namespace", "central,host")
        wait_until("it polls", lambda: (self.status(port) or {"cycles": {"polled": 0}})["cycles"]["polled"] > 10)
        maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
        self.assertNotIn("libcurl", maps)
        self.assertNotIn("openstack", maps)
        told = [line for line in self.log_of(process).splitlines() if "openstack" in line]
        self.assertEqual(len(told), 1, told)
        self.assertIn("auth_url", told[0])
        self.end(process)


class Polls(Central):
    def expected(self):
        """(meter, resource): volume, unit, project."""
        want = {("volume.size", one["id"]): (one["size"], "GiB", one["os-vol-tenant-attr:tenant_id"])
                for one in LISTS["volumes"]}
        want["volume.snapshot.size", "snap-1"] = 3, "GiB", PROJECTS[1]
        want["volume.backup.size", "bak-1"] = 4, "GiB", PROJECTS[2]
        want["volume.backup.size", "bak-2"] = 5, "GiB", None
        # Thin: 20 * (100.5 - floor(10 % of 100.5)) - 120. Thick: 30 - 10 % of 100.
        for pool, values in (("h1@lvm#pool", (100.5, 60, 120, 40, 1690)), ("h3@lvm#thick", (100, 30, 70, 65, 20))):
            for name, value in zip(("total", "free", "provisioned", "allocated", "virtual_free"), values):
                want[f"volume.provider.pool.capacity.{name}", pool] = value, "GiB", None
        want["image.size", "img-1"] = 12345678901, "B", PROJECTS[0]
        want["image.size", "img-3"] = 7, "B", PROJECTS[1]
        for number, value in enumerate((1, 3, 7, -1)):
            want["ip.floating", f"fip-{number}"] = value, "ip", PROJECTS[0]
        want["router", "rtr-1"] = 1, "router", PROJECTS[1]
        want["network", "net-1"] = 1, "network", PROJECTS[1]
        for number in range(3):
            want["port", f"port-{number}"] = 1, "port", PROJECTS[2]
        want["loadbalancer.operating", "lb-1"] = 1, "status", PROJECTS[0]
        want["loadbalancer.provisioning", "lb-1"] = 5, "status", PROJECTS[0]
        for project, containers in ACCOUNTS.items():
            want["storage.objects", project] = sum(one[1] for one in containers), "object", project
            want["storage.objects.size", project] = sum(one[2] for one in containers), "B", project
            want["storage.objects.containers", project] = len(containers), "container", project
            for name, count, size in containers:
                want["storage.containers.objects", f"{project}/{name}"] = count, "object", project
                want["storage.containers.objects.size", f"{project}/{name}"] = size, "B", project
        return want

    def test_every_shipped_meter_to_its_last_value(self):
        cloud = self.cloud()
        found, err = self.poll(cloud)
        self.assertEqual({key: (row["volume"], row["unit"], row["project_id"]) for key, row in found.items()},
                         self.expected(), err)
        self.assertEqual({row["type"] for row in found.values()}, {"gauge"})
        self.assertEqual(found["volume.size", "vol-0001"]["user_id"], "u1")
        self.assertEqual(found["volume.size", "vol-0001"]["resource_metadata"], {
            "name": "data1", "status": "in-use", "volume_type": "ssd", "volume_type_id": "type-1",
            "availability_zone": "nova",
            "os-vol-host-attr:host": "h1@lvm#pool", "migration_status": None, "attachments": [{"server_id": "vm-1"}],
            "snapshot_id": None, "source_volid": None, "image_id": "img-1", "instance_id": "vm-1"})
        self.assertNotIn("instance_id", found["volume.size", "vol-0002"]["resource_metadata"])
        self.assertEqual(found["volume.provider.pool.capacity.total", "h1@lvm#pool"]["resource_metadata"],
                         {"name": "h1@lvm#pool", "pool_name": "pool", "provider": "h1@lvm", "volume_backend_name": "lvm",
                          "storage_protocol": "iSCSI"})
        for meter, resource, key, value in (("volume.backup.size", "bak-1", "is_incremental", True),
                                            ("storage.containers.objects", f"{OWN}/photos", "storage_policy", "gold"),
                                            ("image.size", "img-1", "is_protected", False),
                                            ("loadbalancer.operating", "lb-1", "vip_port_id", "port-9"),
                                            ("loadbalancer.provisioning", "lb-1", "availability_zone", "west")):
            self.assertEqual(found[meter, resource]["resource_metadata"][key], value, meter)
        paths = [path for _, path in cloud.asked]
        self.assertEqual(len(paths), len(set(paths)), "each page is asked for once")
        self.assertEqual(len([path for path in paths if "/volumes/detail" in path]), 3)
        self.assertEqual(len([path for path in paths if "get_pools" in path]), 1)
        self.assertEqual(cloud.logins, [["password"]])

    def test_by_an_application_credential(self):
        cloud = self.cloud(page=1000)
        config = self.write("t.yaml", f"plugins: {{'discovery:openstack': {{auth_url: '{cloud.url}/identity/v3', "
                                      f"application_credential_id: app-1, application_credential_secret: {PASSWORD}, "
                                      f"region_name: one}}}}\n")
        config.chmod(0o600)
        rows = self.rows("--config", config, "poll", "openstack")
        self.assertEqual(len(rows), len(self.expected()))
        self.assertEqual(cloud.logins, [["application_credential"]])

    def test_an_object_store_without_an_account_in_its_endpoint(self):
        """As Ceph registers it: each project is asked by its own account, and none twice."""
        for store in ("/swift/v1", "/swift/v1/", "/swift"):
            cloud = self.cloud(page=1000, store=store)
            found, err = self.poll(cloud)
            self.assertEqual({key: (row["volume"], row["unit"], row["project_id"]) for key, row in found.items()},
                             self.expected(), err)
            self.assertEqual(sorted(path for method, path in cloud.asked if method == "HEAD"),
                             [f"/swift/v1/AUTH_{project}" for project in PROJECTS])

    def test_one_url_for_two_projects_is_refused(self):
        cloud = self.cloud(page=1000)
        cloud.odd = {"/network/usage": lambda h: h.answer(200, [{"id": "u", "size": 7}])}
        definition = ("- {name: usage, sample_type: gauge, unit: u, endpoint_type: network, per_project: true, "
                      "url_path: 'usage%s', value_attribute: size, resource_id_attribute: project_id}\n")
        self.write("d/a.yaml", definition % "")
        found, err = self.poll(cloud, status=1, pollster="definitions: [d]")
        self.assertEqual(found, {})
        self.assertEqual([path for _, path in cloud.asked if "usage" in path], [])
        self.assertIn(f"usage: {cloud.url}/network/usage would be asked for the projects {PROJECTS[0]} and {PROJECTS[1]}, "
                      "and the answer booked on both: refused; put {project_id} into url_path", err)
        self.write("d/a.yaml", definition % "?project={project_id}")
        found, _ = self.poll(cloud, pollster="definitions: [d]")
        self.assertEqual({key[1] for key in found}, set(PROJECTS))

    def test_three_agents_share_the_resources(self):
        cloud = self.cloud(page=1000)
        shares = [self.poll(cloud, pollster=f"partition_index: {index}, partition_total: 3")[0] for index in range(3)]
        for index, share in enumerate(shares):
            self.assertTrue(share)
            for other in shares[index + 1:]:
                self.assertEqual(set(share) & set(other), set())
        self.assertEqual(set().union(*shares), set(self.expected()))
        resource = LISTS["volumes"][0]["id"]
        digest = 14695981039346656037
        for byte in resource.encode():
            digest = (digest ^ byte) * 1099511628211 % 2 ** 64
        self.assertIn(("volume.size", resource), shares[digest % 3])
        for project in ACCOUNTS:
            self.assertEqual(len([path for method, path in cloud.asked
                                  if method == "HEAD" and path.endswith(project)]), 1, "one agent asks for an account")

    def test_certificates_are_checked(self):
        pem = self.folder / "pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=cloud", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        self.folder / "key", "-out", self.folder / "crt"], check=True, capture_output=True)
        pem.write_text((self.folder / "key").read_text() + (self.folder / "crt").read_text())
        cloud = self.cloud(certificate=pem, page=1000)
        _, err = self.poll(cloud, status=1)
        self.assertIn("certificate", err)
        self.assertEqual(cloud.logins, [])
        found, _ = self.poll(cloud, keys=", cacert: crt")
        self.assertEqual(len(found), len(self.expected()))
        self.assertEqual(len(self.poll(cloud, keys=", verify: false")[0]), len(self.expected()))


class Language(Central):
    def test_expressions_are_worth_what_python_makes_of_them(self):
        wanted = openstack_language.sample(int(os.environ.get("TALLY_SEED", 1)), 1500)
        cloud = self.cloud()
        cloud.odd = {"/network/odd/all": lambda h: h.answer(200, [openstack_language.ENTRY])}
        self.write("d/a.yaml", "- {name: all, sample_type: gauge, unit: u, endpoint_type: network, url_path: odd/all, "
                               "value_attribute: n, metadata_fields: "
                               + json.dumps([f". | {text}" for text in wanted]) + "}\n")
        found, _ = self.poll(cloud, pollster="definitions: [d]")
        metadata = found["all", "e"]["resource_metadata"]
        self.assertEqual(len(metadata), 1500)
        for text, value in wanted.items():
            self.assertEqual(repr(metadata[f". | {text}"]), repr(value), text)


DEFINITION = """- name: {name}
  sample_type: gauge
  unit: u
  endpoint_type: {service}
  url_path: odd/{name}
  value_attribute: {value}
  next_sample_url_attribute: next
"""


class BadServers(Central):
    def define(self, *names, service="network", value="size"):
        return "".join(DEFINITION.format(name=name, service=service, value=value) for name in names)

    def test_one_that_misbehaves_costs_its_own_meters(self):
        cloud = self.cloud()
        good = {"list": [{"id": "a", "size": 1}, {"id": "b"}, {"id": "c", "size": 3}]}
        odd = {"empty": lambda h: h.answer(200, {}), "html": lambda h: h.answer(200, b"<html>"),
               "huge": lambda h: h.answer(200, b"[" + b" " * 300_000 + b"]"), "broken": lambda h: h.answer(500, {}),
               "forbidden": lambda h: h.answer(403, {}),
               "moved": lambda h: h.answer(302, None, Location="http://127.0.0.1:1/"),
               "endless": lambda h: h.answer(200, {**good, "next": "http://x/network/odd/endless"}),
               "more": lambda h: h.answer(200, {"list": [{"id": h.path, "size": 1}],
                                                 "next": h.path + ("x" if "?" in h.path else "?x")}),
               "number": lambda h: h.answer(200, {"list": 5}), "good": lambda h: h.answer(200, good)}
        cloud.odd = {f"/network/odd/{name}": answer for name, answer in odd.items()}
        self.write("d/a.yaml", self.define(*odd) + "- {name: worse, endpoint_type: network, value_attribute: 'a | open(value)',"
                                                   " unit: u, sample_type: gauge, url_path: x}\n")
        found, err = self.poll(cloud, status=1, keys=", max_response: 200KiB", pollster="definitions: [d], pages: 4")
        pages = {("more", "/network/odd/more" + "?" * (n > 0) + "x" * n) for n in range(4)}
        self.assertEqual(set(found), {(name, one) for name in ("endless", "good") for one in "ac"} | pages)
        for text in ('d/a.yaml:71:58: skipped "worse": value_attribute: the operation "open(value)": the function "open"',
                     f"html: GET {cloud.url}/network/odd/html: not JSON", "huge: GET", "longer than 204800 bytes",
                     "broken: GET", "HTTP 500", "HTTP 403: the user may not", "moved: GET", "HTTP 302",
                     "endless: this page was there before", "more than 4 pages", "the entries are a number, not a list",
                     f'good: GET {cloud.url}/network/odd/good: "size": no key "size"; 1 entry left out (d/a.yaml:64)'):
            self.assertIn(text, err)
        self.assertNotIn("empty", err)

    def test_one_that_hangs_is_given_up_once(self):
        cloud = self.cloud()
        cloud.odd = {"/network/odd/first": lambda h: h.rfile.read(),
                     "/image/odd/good": lambda h: h.answer(200, [{"id": "a", "size": 1}])}
        self.write("d/a.yaml", self.define("first", "second") + self.define("good", service="image"))
        found, err = self.poll(cloud, status=1, keys=", timeout: 500ms", pollster="definitions: [d]")
        self.assertEqual(set(found), {("good", "a")})
        self.assertIn("first: GET", err)
        self.assertIn("no more is asked of network", err)
        self.assertEqual([path for _, path in cloud.asked if "second" in path], [])

    def test_an_agent_tells_each_fault_once(self):
        cloud = self.cloud()
        cloud.odd = {"/network/odd/broken": lambda h: h.answer(500), "/network/odd/forbidden": lambda h: h.answer(403)}
        self.write("d/a.yaml", self.define("broken", "forbidden"))
        port = free_port()
        config = self.write("agent.yaml", f"publish: 'local://{self.folder}/bus.sock'\ndata: '{self.folder}/data'\n"
                                          f"http: 127.0.0.1:{port}\npolling: {{interval: 200ms}}\n"
                                          + self.plugins(cloud, pollster="definitions: [d]"))
        process = self.start("tally-agent", "--config", config, "--namespace", "central")
        wait_until("it goes on", lambda: len([path for _, path in cloud.asked if "broken" in path]) > 4)
        for text in ("broken: GET", "forbidden: GET"):
            told = [line for line in self.log_of(process).splitlines() if f"pollster:openstack: {text}" in line]
            self.assertEqual(len(told), 1, self.log_of(process))
            self.assertIn("trying again in the next cycle", told[0])
        self.end(process)

    def test_bytes_that_are_not_text_cost_nothing(self):
        cloud = self.cloud()
        cloud.odd = {"/network/odd/bytes": lambda h: h.answer(200, (
            b'{"list": [{"id": "Gr\xf6", "size": 1, "name": "\xff!"}, {"id": "Gr\xdf", "size": 2, "name": "\\ud83d"}, '
            b'{"id": "ok", "size": 3, "name": {"\xfe": ["\\udc00"]}, "project_id": "p\xf6"}]}'))}
        self.write("d.yaml", self.define("bytes") + "  metadata_fields: [name]\n")
        found, _ = self.poll(cloud, pollster="definitions: [d.yaml]")
        self.assertEqual({key[1]: (row["volume"], row["project_id"], row["resource_metadata"]["name"])
                          for key, row in found.items()},
                         {"Gr%F6": (1, None, "\ufffd!"), "Gr%DF": (2, None, "\ufffd"),
                          "ok": (3, "p%F6", {"\ufffd": ["\ufffd"]})})

    def test_a_file_that_cannot_be_used_is_named(self):
        cloud = self.cloud()
        self.write("d.yaml", "- {name: a, sample_type: gauge, unit: u, endpoint_type: network, url_path: odd/a,\n"
                             "   value_attribute: 'size | value or {1, 2}'}\n")
        config = self.write("t.yaml", self.plugins(cloud, pollster="definitions: [d.yaml]"))
        _, err = self.tally("--config", config, "poll", "openstack")
        self.assertIn('pollster:openstack: no definition can be used: d.yaml:2:21: skipped "a": value_attribute: '
                      'the operation "value or {1, 2}": a set is not offered', err)

    def test_keystone_that_refuses_or_is_away(self):
        cloud = self.cloud()
        _, err = self.poll(cloud, status=1, keys=", user_domain_name: Other")
        self.assertIn(f"POST {cloud.url}/identity/v3/auth/tokens: HTTP 401: Keystone refuses the credentials", err)
        cloud.close = lambda: None
        cloud.server.shutdown()
        cloud.server.server_close()
        _, err = self.poll(cloud, status=1)
        self.assertIn("/identity/v3/auth/tokens: ", err)
        self.assertEqual(cloud.asked, [])


class Agents(Central):
    def test_an_agent_outlives_its_tokens_and_all_is_stored(self):
        cloud = self.cloud(token_seconds=2)
        collector = self.collector_config()
        self.start_collector(collector)
        self.write("d/a.yaml", (PREFIX / "share/tally/pollsters.d/volume.yaml").read_text().split("\n- name: volume.snapshot")[0])
        port = free_port()
        agent = self.write("agent.yaml", f"publish: '{self.bus}'\ndata: '{self.folder}/data'\nhttp: 127.0.0.1:{port}\n"
                                         f"polling: {{interval: 500ms}}\n"
                                         + self.plugins(cloud, pollster="definitions: [d]"))
        process = self.start("tally-agent", "--config", agent, "--namespace", "central")
        wait_until("it has logged in three times", lambda: len(cloud.logins) >= 3)
        with cloud.lock:
            cloud.tokens.clear()  # as when Keystone forgets them: 401, and once more with a new one
        logins = len(cloud.logins)
        wait_until("it has logged in again", lambda: len(cloud.logins) > logins)
        cycles = self.status(port)["cycles"]["polled"]
        wait_until("it goes on", lambda: self.status(port)["cycles"]["polled"] > cycles + 2)
        self.assertLess(len(cloud.logins), len(cloud.asked) / 3, "a token is used again")
        self.assertEqual(self.status(port)["cycles"]["errors"], 0, self.log_of(process))
        self.end(process)
        self.assertNotIn("warning", self.log_of(process))
        self.assertNotIn(PASSWORD, self.log_of(process))
        sent = int(self.log_of(process).split(" samples made, ")[0].split()[-1])
        self.assertEqual(sent % len(LISTS["volumes"]), 0)
        wait_until("all is stored", lambda: self.books(collector)["samples"]["stored"] == sent)
        rows = self.rows("--config", collector, "query", "statistics", "volume.size", "--group-by", "resource_id")
        self.assertEqual(len(rows), 30)
        self.assertEqual({row["count"] for row in rows}, {sent // 30})
        self.assertEqual({row["max"] for row in rows}, set(range(1, 31)))
