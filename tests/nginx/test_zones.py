"""Zones with file=: full disks, signals from the command line, reloads that fail, upgrades, restarts of the machine."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import client, issuer, place
from harness.mounts import Mounts
from harness.server import children, end, is_alive, until
from harness.world import HTTP, PROTECTED, World

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def with_file(path="{folder}/disk/zone", more=""):
    http = HTTP.replace("countersign_zone main:256k;", f"countersign_zone main:256k file={path}; {more}")
    return http.replace("{folder}/policy.json", "{folder}/policy.json zone=main")


class Zoned(World):
    """A world whose zone is `zone` in a folder of its own."""

    def __init__(self, http=None, start=True, **options):
        super().__init__(http=http or with_file(), **options)
        self.starts = start
        self.disk = self.nginx.folder / "disk"
        self.disk.mkdir()

    def __enter__(self):
        return super().__enter__() if self.starts else self

    @property
    def file(self):
        """The file of the zone, wherever it is mounted."""
        path = self.disk / "zone"
        return self.nginx.mounts.path(path) if self.nginx.mounts else path

    def inode(self):
        return self.file.stat().st_ino

    def names(self):
        """What the folder of the zone holds."""
        return sorted(os.listdir(self.file.parent))

    def edit(self, *replacement):
        """Changes the configuration that the next signal or reload reads."""
        old, new = replacement
        assert old in self.nginx.http
        self.nginx.http = self.nginx.http.replace(old, new)

    def widen(self, seconds=200):
        """The same for the policy: its proofs live longer than the store of the zone remembers."""
        self.policy["policies"]["default"]["dpop"] = {"max_age_seconds": seconds}
        self.nginx.write("policy.json", json.dumps(self.policy))

    def dpop(self):
        token = self.key.token(bound=self.client)
        return issuer.dpop(token, self.proof(token))

    def dated_past_a_new_store(self):
        """A proof that a store made up to now takes: its date is later than that of any proof accepted before."""
        made = int(time.time())
        until("the next second but one", lambda: int(time.time()) >= made + 2)
        return self.dpop()

    def reload(self):
        """As after a start: the store of the zone may be new."""
        self.nginx.reload()
        self.nginx.started = time.time()

    def mapped(self, number):
        """The zone's files that a process has mapped, by their inodes."""
        with open(f"/proc/{number}/maps", encoding="utf-8") as maps:
            return {int(line.split()[4]) for line in maps if "/disk/" in line}


class Once(unittest.TestCase):
    def statuses(self, world, request, *expected):
        self.assertEqual(tuple(world.get("/", request).status for _ in expected), expected)


class FullDisk(Once):
    def assert_no_room(self, log, size):
        line = next((line for line in log.splitlines() if "No space left on device" in line), "")
        self.assertRegex(line, rf'\[emerg\].*cannot allocate {size} bytes .*disk/zone" of zone "main"')
        self.assertRegex(line, r"\d+ bytes are free")
        self.assertRegex(line, r"nginx\.conf:\d+")

    def test_at_the_start(self):
        with Mounts() as mounts, Zoned(mounts=mounts, start=False) as world:
            mounts.disk(world.disk, "1m")
            mounts.fill(world.disk)
            self.assertEqual(world.nginx.start_and_fail(), 1, world.nginx.log())
            self.assert_no_room(world.nginx.log(), 256 * 1024)
            self.assertEqual(world.names(), ["ballast"])
            # As `nginx -t` reports before.
            passes, told = world.nginx.test()
            self.assertFalse(passes)
            self.assert_no_room(told, 256 * 1024)
            self.assertEqual(world.names(), ["ballast"])
            (world.file.parent / "ballast").unlink()
            passes, told = world.nginx.test()
            self.assertTrue(passes, told)
            self.assertEqual(world.names(), [])
            world.nginx.start()
            self.assertEqual(world.names(), ["zone"])
            self.assertGreaterEqual(world.file.stat().st_blocks * 512, 256 * 1024)
            self.statuses(world, world.dpop(), 200, 401)

    def test_at_a_reload(self):
        """A zone gets its file by the reload."""
        with Mounts() as mounts, Zoned(HTTP, mounts=mounts, start=False) as world:
            mounts.disk(world.disk, "1m")
            mounts.fill(world.disk)
            world.nginx.start()
            used = world.dpop()
            self.statuses(world, used, 200, 401)
            world.edit("main:256k;", "main:256k file={folder}/disk/zone;")
            world.nginx.reload_and_fail("No space left on device")
            self.assert_no_room(world.nginx.log(), 256 * 1024)
            self.statuses(world, used, 401)
            self.statuses(world, world.dpop(), 200, 401)
            self.assertEqual(world.names(), ["ballast"])
            (world.file.parent / "ballast").unlink()
            world.reload()
            self.statuses(world, used, 401)
            self.statuses(world, world.dpop(), 200, 401)

    def test_a_zone_that_grows_at_a_reload(self):
        with Mounts() as mounts, Zoned(mounts=mounts, start=False) as world:
            mounts.disk(world.disk, "1m")
            world.nginx.start()
            used, inode = world.dpop(), world.inode()
            self.statuses(world, used, 200, 401)
            world.edit("main:256k", "main:4m")
            world.nginx.reload_and_fail("No space left on device")
            self.assert_no_room(world.nginx.log(), 4 * 1024 * 1024)
            self.assertEqual((world.names(), world.inode()), (["zone"], inode))
            later = world.dpop()
            self.statuses(world, used, 401)
            self.statuses(world, later, 200, 401)
            world.edit("main:4m", "main:512k")
            world.reload()
            self.assertEqual(world.file.stat().st_size, 512 * 1024)
            self.statuses(world, used, 401)
            self.statuses(world, later, 401)
            self.statuses(world, world.dpop(), 200, 401)

    def test_a_file_with_holes(self):
        """A copy without its empty blocks, of a file that serves: they are allocated before anything is mapped."""
        with Mounts() as mounts, Zoned(mounts=mounts, start=False) as world:
            mounts.disk(world.disk, "1m")
            world.nginx.start()
            used = world.dpop()
            self.statuses(world, used, 200, 401)
            world.nginx.stop()
            mounts.run("fallocate", "--dig-holes", world.disk / "zone")
            self.assertLess(world.file.stat().st_blocks * 512, 128 * 1024)
            ballast = mounts.fill(world.disk)
            self.assertEqual(world.nginx.start_and_fail(), 1, world.nginx.log())
            self.assertIn("No space left on device", world.nginx.log())
            ballast.unlink()
            world.nginx.start()
            self.assertGreaterEqual(world.file.stat().st_blocks * 512, 256 * 1024)
            self.statuses(world, used, 401)
            self.statuses(world, world.dpop(), 200, 401)

    def test_a_file_system_that_cannot_allocate(self):
        """ramfs knows no fallocate: the blocks are written."""
        with Mounts() as mounts, Zoned(mounts=mounts, start=False) as world:
            mounts.run("mount", "-t", "ramfs", "none", world.disk)
            world.nginx.start()
            used, unused = world.dpop(), world.dpop()
            self.statuses(world, used, 200, 401)
            self.assertEqual(world.file.stat().st_size, 256 * 1024)
            self.assertNotIn("fallocate", world.nginx.log())
            world.nginx.stop()
            world.nginx.start()
            self.statuses(world, used, 401)
            self.statuses(world, unused, 200, 401)

    def test_a_limit_of_file_sizes(self):
        """The signal that the kernel sends for it does not reach nginx."""
        with Zoned(start=False) as world:
            command = ["prlimit", "--fsize=100000", *world.nginx.command()]
            done = subprocess.run(command, env=world.nginx.environment, stderr=subprocess.DEVNULL, check=False, timeout=60)
            self.assertEqual(done.returncode, 1, world.nginx.log())
            self.assertIn("File too large", world.nginx.log())
            self.assertEqual(world.names(), [])


class Signals(Once):
    """`nginx -s` reads the configuration as it is by then. It does not change the state of the running nginx."""

    def test_reopen_after_an_edit(self):
        with Zoned() as world:
            inode = world.inode()
            world.edit("main:256k", "main:512k")
            world.widen()
            world.nginx.signal("reopen")
            until("the logs are open anew", lambda: "reopening logs" in world.nginx.log())
            self.assertEqual((world.names(), world.inode()), (["zone"], inode))
            used = world.dated_past_a_new_store()
            self.statuses(world, used, 200, 401)
            world.reload()
            self.assertNotEqual(world.inode(), inode)
            self.statuses(world, used, 401)
            self.statuses(world, world.dpop(), 200, 401)

    def test_reload_after_an_edit(self):
        with Zoned() as world:
            used, old = world.dpop(), set(world.nginx.workers())
            self.statuses(world, used, 200, 401)
            world.edit("main:256k", "main:512k")
            world.widen()
            world.nginx.signal("reload")
            until("new workers", lambda: (now := set(world.nginx.workers())) and not now & old)
            world.nginx.started = time.time()
            self.assertEqual((world.names(), world.file.stat().st_size), (["zone"], 512 * 1024))
            # By the master alone, and once.
            self.assertEqual(len(re.findall("is made anew", world.nginx.log())), 1)
            self.statuses(world, used, 401)
            self.statuses(world, world.dpop(), 200, 401)

    def test_quit_and_stop_after_an_edit(self):
        for word in ("quit", "stop"):
            with self.subTest(word), Zoned() as world:
                used, unused, inode = world.dpop(), world.dpop(), world.inode()
                self.statuses(world, used, 200, 401)
                world.edit("main:256k", "main:512k")
                world.nginx.signal(word)
                world.nginx.process.wait(30)
                self.assertEqual((world.names(), world.inode()), (["zone"], inode))
                world.edit("main:512k", "main:256k")
                world.nginx.start()
                self.statuses(world, used, 401)
                self.statuses(world, unused, 200, 401)

    def test_a_signal_needs_no_zone(self):
        """nginx can be stopped while the folder of the zone is gone."""
        with Zoned() as world:
            world.edit("{folder}/disk/zone", "{folder}/absent/zone")
            world.nginx.signal("stop")
            world.nginx.process.wait(30)

    def test_a_test_of_the_configuration(self):
        with Zoned() as world:
            inode = world.inode()
            world.edit("main:256k", "main:512k")
            world.widen()
            passes, told = world.nginx.test()
            self.assertTrue(passes, told)
            self.assertEqual((world.names(), world.inode(), world.file.stat().st_size), (["zone"], inode, 256 * 1024))


class FailedReload(Once):
    """What fails after the zones were opened leaves their files as they were."""

    def fails(self, spoil, mend, told):
        with Zoned() as world:
            inode = world.inode()
            world.edit("main:256k", "main:512k")
            world.widen()
            spoil(world)
            world.nginx.reload_and_fail(told)
            self.assertEqual((world.names(), world.inode()), (["zone"], inode))
            used = world.dated_past_a_new_store()
            self.statuses(world, used, 200, 401)
            mend(world)
            world.reload()
            self.assertEqual((world.names(), world.file.stat().st_size), (["zone"], 512 * 1024))
            self.statuses(world, used, 401)
            self.statuses(world, world.dpop(), 200, 401)

    def test_a_log_that_cannot_be_opened(self):
        logs = ("{folder}/access.log facts", "{folder}/absent/access.log facts")
        self.fails(lambda world: world.edit(*logs), lambda world: world.edit(*reversed(logs)), "absent/access.log")

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            more = f"server {{ listen 127.0.0.1:{taken.getsockname()[1]}; }} upstream shown"
            self.fails(lambda world: world.edit("upstream shown", more), lambda world: world.edit(more, "upstream shown"),
                       "still could not bind()")

    def test_a_fault_behind_the_http_block(self):
        more = "}\nnonsense;\n"

        def spoil(world):
            world.nginx.http += more

        def mend(world):
            world.nginx.http = world.nginx.http.removesuffix(more)

        self.fails(spoil, mend, 'unknown directive "nonsense"')

    def test_a_module_that_fails_last(self):
        """nginx's master ends, its workers go on without it: the file is still theirs."""
        loads = f"load_module {place.fails_last()};"
        with Zoned() as world:
            inode, (worker,) = world.inode(), world.nginx.workers()
            world.edit("main:256k", "main:512k")
            world.widen()
            world.nginx.settings["main"] += f"{loads} fails_last;"
            world.nginx.configure()
            world.nginx.process.send_signal(signal.SIGHUP)
            self.assertEqual(world.nginx.process.wait(30), 1)
            try:
                self.assertEqual(world.inode(), inode)
                used = world.dated_past_a_new_store()
                self.statuses(world, used, 200, 401)
            finally:
                end(worker, signal.SIGTERM)
            until("the worker ends", lambda: not is_alive(worker))
            world.nginx.settings["main"] = world.nginx.settings["main"].replace("fails_last;", "")
            world.nginx.start()
            self.assertEqual((world.names(), world.file.stat().st_size), (["zone"], 512 * 1024))
            self.statuses(world, used, 401)
            self.statuses(world, world.dpop(), 200, 401)

    def test_the_first_start(self):
        """A start that fails leaves no file."""
        with Zoned(with_file(more="access_log {folder}/absent/access.log;"), start=False) as world:
            self.assertEqual(world.nginx.start_and_fail(), 1)
            self.assertEqual(world.names(), [])


class Replaced(Once):
    """The file at a name that is replaced, or under which the new one is made."""

    def test_a_new_file_that_was_left_over(self):
        """By a process that was killed before it was through."""
        with Zoned(start=False) as world:
            left = world.disk / "zone.new"
            left.write_bytes(b"x" * 1000)
            left.chmod(0o600)
            world.nginx.start()
            self.assertEqual((world.names(), world.file.stat().st_size), (["zone"], 256 * 1024))
            self.statuses(world, world.dpop(), 200, 401)

    def test_a_file_of_another_program(self):
        """Under neither of the two names is a file replaced that is no zone's."""
        for name in ("zone", "zone.new"):
            with self.subTest(name), Zoned(start=False) as world:
                other = world.disk / name
                other.write_text("mine")
                other.chmod(0o644)
                self.assertEqual(world.nginx.start_and_fail(), 1)
                self.assertRegex(world.nginx.log(), r'\[emerg\].*disk/zone" of zone "main"')
                self.assertEqual((world.names(), other.read_text()), ([name], "mine"))

    def test_a_folder_that_is_absent(self):
        with Zoned(with_file("{folder}/absent/zone"), start=False) as world:
            passes, told = world.nginx.test()
            self.assertFalse(passes)
            self.assertIn('there is no folder for "/absent/zone" of zone "main"', told)

    def test_a_file_that_is_a_mount_point(self):
        """It cannot be replaced: the reload is refused, not left half done."""
        with Mounts() as mounts, Zoned(mounts=mounts, start=False) as world:
            kept = world.nginx.folder / "kept"
            mounts.disk(kept, "1m")
            mounts.path(kept / "zone").touch(0o600)
            world.disk.joinpath("zone").touch(0o600)
            mounts.run("mount", "--bind", kept / "zone", world.disk / "zone")
            self.assertEqual(world.nginx.start_and_fail(), 1)
            self.assertIn('cannot replace the mount at: "', world.nginx.log())
            self.assertEqual(world.names(), ["zone"])


class Elsewhere(Once):
    def comes_back(self, way):
        """The zone goes to another file and back: proofs used meanwhile are not in the first."""
        with Zoned() as world:
            world.edit("disk/zone", "disk/other")
            world.reload()
            used = world.dated_past_a_new_store()
            self.statuses(world, used, 200, 401)
            world.edit("disk/other", "disk/zone")
            way(world)
            self.statuses(world, used, 401)
            # It takes new ones at once.
            self.statuses(world, world.dpop(), 200, 401)
            self.assertEqual(world.names(), ["other", "zone"])

    def test_a_file_that_comes_back(self):
        self.comes_back(Zoned.reload)

    def test_a_file_that_comes_back_by_a_restart(self):
        self.comes_back(lambda world: (world.nginx.stop(), world.nginx.start()))

    def test_a_file_that_was_not_in_use(self):
        """One that is left from an nginx before, and that a reload brings in."""
        with Zoned() as before:
            accepted = before.dpop()
            self.statuses(before, accepted, 200)
            before.nginx.stop()
            with Zoned(HTTP) as world:
                world.key, world.client = before.key, before.client
                world.trust(world.key)
                until("its key", lambda: world.get("/", [world.bearer()]).status == 200)
                used = world.dated_past_a_new_store()
                self.statuses(world, used, 200, 401)
                world.edit("main:256k;", f"main:256k file={before.file};")
                inode = before.inode()
                world.reload()
                self.assertEqual(before.inode(), inode)
                self.statuses(world, used, 401)
                self.statuses(world, accepted, 401)
                self.statuses(world, world.dpop(), 200, 401)

    def test_a_zone_without_a_file_that_comes_late(self):
        """The new store of a reload refuses what the old workers took until the reload was through."""
        with Zoned(HTTP) as world:
            with socket.socket() as taken:
                # Four tries, half a second apart, then it is free: the configuration is read long before it is in use.
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                world.edit("main:256k", "other:256k")
                world.edit("upstream shown", f"server {{ listen 127.0.0.1:{taken.getsockname()[1]}; }} upstream shown")
                world.nginx.configure()
                before = set(world.nginx.workers())
                at = len(world.nginx.log())
                os.kill(world.nginx.master(), signal.SIGHUP)
                until("it tries", lambda: "Address already in use" in world.nginx.log()[at:])
                used = world.dated_past_a_new_store()
                self.statuses(world, used, 200, 401)
            until("new workers", lambda: (now := set(world.nginx.workers())) and not now & before)
            self.statuses(world, used, 401)


class Moved(Once):
    """A reload moves a policy file to a zone that has been in use for another one: it does not know the proofs of this one."""

    FILES = {"za": " file={folder}/disk/a", "zb": " file={folder}/disk/b"}
    PATHS = ("/", "/b")

    def http(self, zones=("za", "zb"), files=None):
        files = files or {}
        declared = "".join(f"countersign_zone {zone}:256k{files.get(zone, '')}; " for zone in ("za", "zb"))
        places = "".join(f"location {path} {{ countersign on; countersign_policy_file {{folder}}/{file} zone={zone};"
                         " proxy_pass http://shown; }"
                         for path, file, zone in zip(self.PATHS, ("policy.json", "other.json"), zones) if zone)
        http = HTTP.replace("countersign_zone main:256k;", declared)
        return http.replace("countersign_policy_file {folder}/policy.json;", "").replace("{server}", places).replace("{listen}", "")

    def start(self, **options):
        world = Zoned(self.http(**options))
        world.nginx.write("other.json", json.dumps(world.policy))
        return world

    def dpop(self, world):
        token = world.key.token(bound=world.client)
        return issuer.dpop(token, world.proof(token, uri="https://api.example/"))

    def test_moves(self):
        for title, before, after in [
            ("to the zone of another", {}, {"zones": ("zb", None)}),
            ("each to the other's", {}, {"zones": ("zb", "za")}),
            ("both in one", {}, {"zones": ("zb", "zb")}),
            ("each to the other's file", {"files": self.FILES}, {"files": self.FILES, "zones": ("zb", "za")}),
            ("both in one file", {"files": self.FILES}, {"files": self.FILES, "zones": ("zb", "zb")}),
            ("files change places", {"files": self.FILES},
             {"files": {"za": self.FILES["zb"], "zb": self.FILES["za"]}}),
            ("from a file", {"files": {"za": self.FILES["za"]}}, {"files": {"za": self.FILES["za"]}, "zones": ("zb", "zb")}),
            ("to a file", {"files": {"zb": self.FILES["zb"]}}, {"files": {"zb": self.FILES["zb"]}, "zones": ("zb", "zb")}),
        ]:
            with self.subTest(title), self.start(**before) as world:
                # Dated so that the other store, which was made at the start, would take it.
                used = self.dpop(world)
                self.statuses(world, used, 200, 401)
                world.nginx.http = self.http(**after)
                world.reload()
                self.statuses(world, used, 401)
                # It takes new ones at once.
                self.statuses(world, self.dpop(world), 200, 401)

    def test_what_stays_refuses_nothing(self):
        """No proof is refused where each policy file keeps its zone, or where there is one zone."""
        for title, before, after in [
            ("nothing changes", {}, {}),
            ("nothing changes in files", {"files": self.FILES}, {"files": self.FILES}),
            ("a policy file goes", {}, {"zones": ("za", None)}),
            ("one comes to the only zone", {"zones": ("za", None)}, {"zones": ("za", "za")}),
            ("one gets a zone of its own", {"zones": ("za", "za")}, {"zones": ("za", "zb")}),
        ]:
            with self.subTest(title), self.start(**before) as world:
                used, unused = self.dpop(world), self.dpop(world)
                self.statuses(world, used, 200, 401)
                world.nginx.http = self.http(**after)
                world.nginx.reload()
                self.statuses(world, used, 401)
                self.statuses(world, unused, 200, 401)

    def test_a_restart_remembers(self):
        """With more than one file as well."""
        with self.start(files=self.FILES) as world:
            used, unused = self.dpop(world), self.dpop(world)
            self.statuses(world, used, 200, 401)
            world.nginx.stop()
            world.nginx.start()
            self.statuses(world, used, 401)
            self.statuses(world, unused, 200, 401)


class OldWorkers(Once):
    """A request that an old worker had in part before the reload, whose store the new workers do not see."""

    def reload_within(self, world):
        connection = client.Client(world.nginx.address)
        self.addCleanup(connection.close)
        connection.socket.sendall(b"GET / HTTP/1.1\r\nHost: api.example\r\n")
        # Read, so that it is no idle connection.
        (old,) = world.nginx.workers()
        until("it is read", lambda: world.status()["worker"]["pid"] == old)
        self.reload_beside(world)
        self.assertTrue(is_alive(old))
        return connection

    def reload_beside(self, world):
        """As a reload, but the old worker stays."""
        old = set(world.nginx.workers())
        world.nginx.configure()
        os.kill(world.nginx.master(), signal.SIGHUP)
        until("a new worker", lambda: set(world.nginx.workers()) - old)
        until("it answers", lambda: world.status()["worker"]["pid"] not in old)

    def finish(self, connection, request):
        lines = "".join(f"{name}: {value}\r\n" for name, value in request)
        connection.socket.sendall(f"{lines}\r\n".encode())
        return connection.receive().status

    def test_what_the_new_took_the_old_refuses(self):
        for title, change in [
            ("a larger file", lambda world: world.edit("main:256k", "main:512k")),
            ("another file", lambda world: world.edit("disk/zone", "disk/other")),
            ("a wider window", lambda world: world.widen()),
        ]:
            with self.subTest(title), Zoned() as world:
                change(world)
                connection = self.reload_within(world)
                used = world.dated_past_a_new_store()
                self.statuses(world, used, 200)
                self.assertEqual(self.finish(connection, used), 401)

    def test_memory_of_nginx(self):
        with Zoned(HTTP) as world:
            world.edit("main:256k", "other:256k")
            connection = self.reload_within(world)
            used = world.dated_past_a_new_store()
            self.statuses(world, used, 200)
            self.assertEqual(self.finish(connection, used), 401)

    def test_a_store_that_both_use(self):
        """A reload that keeps the store refuses nothing."""
        for http in (HTTP, None):
            with Zoned(http) as world:
                connection = self.reload_within(world)
                self.assertEqual(self.finish(connection, world.dpop()), 200)
                self.assertNotIn("is not used any more", world.nginx.log())


class Upgrade(Once):
    """USR2 to a module that lays its shared memory out in another way, and back."""

    def upgrade(self, world, module):
        old = world.nginx.master()
        world.nginx.module = module
        world.nginx.configure()
        path = world.nginx.folder / "nginx.pid"
        os.kill(old, signal.SIGUSR2)
        new = until("the new master", lambda: path.exists() and (text := path.read_text().strip()) and int(text) != old
                    and int(text))
        until("its workers", lambda: len(children(new)) == 1)
        world.nginx.started = time.time()
        return old, new

    def of(self, world, worker):
        """A kept connection to this worker."""
        for _ in range(2000):
            connection = client.Client(world.nginx.address)
            answer = connection.ask("GET", "/status", [("Host", "api.example")])
            if json.loads(answer.body)["worker"]["pid"] == worker:
                self.addCleanup(connection.close)
                return connection
            connection.close()
        self.fail(f"worker {worker} does not answer")

    def ask(self, connection, request):
        return connection.ask("GET", "/", [("Host", "api.example"), *request]).status

    def test_each_has_a_file_of_its_own(self):
        with Zoned(daemon=True) as world:
            used, inode = world.dpop(), world.inode()
            self.statuses(world, used, 200, 401)
            (old_worker,) = world.nginx.workers()
            old, new = self.upgrade(world, place.other_module())
            (new_worker,) = children(new)
            self.assertEqual((world.mapped(old_worker), world.mapped(new_worker)), ({inode}, {world.inode()}))
            self.assertNotEqual(world.inode(), inode)
            self.assertRegex(world.nginx.log(), r'disk/zone" of zone "main" is made anew: .*layout')
            before, after = self.of(world, old_worker), self.of(world, new_worker)
            # Neither takes it again, and the old one counts on.
            self.assertEqual((self.ask(before, used), self.ask(after, used)), (401, 401))
            counted = json.loads(before.ask("GET", "/status", [("Host", "api.example")]).body)["zones"][0]["enforce"]
            self.assertEqual((counted["accepted"], counted["refused"]["proof_replayed"]), (1, 2))
            later = world.dpop()
            self.assertEqual((self.ask(after, later), self.ask(after, later)), (200, 401))
            os.kill(old, signal.SIGQUIT)
            until("the old one ends", lambda: not is_alive(old))
            self.statuses(world, used, 401)
            self.statuses(world, later, 401)
            # Back again, by the same way.
            inode = world.inode()
            newest_old, newest = self.upgrade(world, place.module())
            self.assertNotEqual(world.inode(), inode)
            self.assertEqual(self.ask(after, later), 401)
            os.kill(newest_old, signal.SIGQUIT)
            until("it ends", lambda: not is_alive(newest_old))
            self.statuses(world, used, 401)
            self.statuses(world, later, 401)
            self.statuses(world, world.dpop(), 200, 401)
            end(newest, signal.SIGTERM)
            until("the last one ends", lambda: not is_alive(newest))

    def test_an_upgrade_that_is_taken_back(self):
        """The new master quits, the old one goes on; its next reload makes a file of its own layout again."""
        with Zoned(daemon=True) as world:
            used = world.dpop()
            self.statuses(world, used, 200, 401)
            (old_worker,) = world.nginx.workers()
            old, new = self.upgrade(world, place.other_module())
            # Used at a worker of the new layout, whose store the old one does not see.
            (new_worker,) = children(new)
            elsewhere = world.dated_past_a_new_store()
            self.assertEqual(self.ask(self.of(world, new_worker), elsewhere), 200)
            os.kill(new, signal.SIGQUIT)
            until("the new one ends", lambda: not is_alive(new))
            until("the old number is back", lambda: world.nginx.master() == old)
            self.assertEqual(world.nginx.workers(), [old_worker])
            self.statuses(world, used, 401)
            later = world.dpop()
            self.statuses(world, later, 200, 401)
            world.nginx.module = place.module()
            world.reload()
            for request in (used, elsewhere, later):
                self.statuses(world, request, 401)
            self.statuses(world, world.dpop(), 200, 401)

    def test_a_window_that_is_wider(self):
        """While both masters serve, the old one accepts no proof: the new file would not know it, nor the old file one of the new."""
        with Zoned(daemon=True) as world:
            used = world.dpop()
            self.statuses(world, used, 200, 401)
            (old_worker,) = world.nginx.workers()
            inode = world.inode()
            world.widen()
            old, new = self.upgrade(world, place.module())
            self.assertNotEqual(world.inode(), inode)
            (new_worker,) = children(new)
            before, after = self.of(world, old_worker), self.of(world, new_worker)
            for first, second, expected in ((after, before, (200, 401)), (before, after, (401, 200))):
                proof = world.dated_past_a_new_store()
                self.assertEqual((self.ask(first, proof), self.ask(second, proof)), expected)
            self.assertIn("takes the place of one that another process may use", world.nginx.log())
            os.kill(old, signal.SIGQUIT)
            until("the old one ends", lambda: not is_alive(old))
            self.statuses(world, used, 401)
            self.statuses(world, world.dpop(), 200, 401)
            os.kill(new, signal.SIGTERM)
            until("the new one ends", lambda: not is_alive(new))

    def test_a_restart_with_another_layout(self):
        with Zoned() as world:
            used = world.dpop()
            self.statuses(world, used, 200, 401)
            world.nginx.stop()
            world.nginx.module = place.other_module()
            world.nginx.start()
            self.statuses(world, used, 401)
            self.statuses(world, world.dpop(), 200, 401)
            self.assertEqual(world.names(), ["zone"])


class Masters(Once):
    def test_two_start_at_once(self):
        """Both use one file, whichever made it: a proof is accepted once by the two."""
        for _ in range(4):
            with Zoned(start=False) as one, Zoned(with_file(path="{folder}/link/zone"), start=False) as other:
                (other.nginx.folder / "link").symlink_to(one.disk)
                other.key, other.client = one.key, one.client
                other.trust(one.key)
                starts = [threading.Thread(target=world.nginx.start) for world in (one, other)]
                for start in starts:
                    start.start()
                for start in starts:
                    start.join()
                self.assertEqual(one.names(), ["zone"])
                for world in (one, other):
                    self.assertEqual(world.mapped(world.nginx.master()), {one.inode()})
                used = one.dated_past_a_new_store()
                self.statuses(one, used, 200, 401)
                self.statuses(other, used, 401)


    def test_windows_that_differ(self):
        """The second one needs a wider window and so another file: the first one accepts no proof that the second may accept."""
        with Zoned() as one, Zoned(with_file(path="{folder}/link/zone"), start=False) as other:
            (other.nginx.folder / "link").symlink_to(one.disk)
            other.key, other.client = one.key, one.client
            other.trust(one.key)
            other.widen()
            inode = one.inode()
            other.nginx.start()
            self.assertNotEqual(one.inode(), inode)
            for first, second, expected in ((other, one, (200, 401)), (one, other, (401, 200))):
                proof = other.dated_past_a_new_store()
                self.assertEqual((first.get("/", proof).status, second.get("/", proof).status), expected)
            # A reload of the first one finds the file that serves both.
            one.reload()
            self.assertEqual((one.mapped(one.nginx.master()), other.mapped(other.nginx.master())), ({one.inode()},) * 2)
            proof = other.dated_past_a_new_store()
            self.assertEqual((one.get("/", proof).status, other.get("/", proof).status), (200, 401))


class Boot(Once):
    """A restart of the machine loses what the kernel had not written. The boot id is another one then."""

    def test_another_boot(self):
        with Mounts() as mounts, Zoned(mounts=mounts, start=False) as world:
            ids = [world.nginx.write(f"boot{at}", f"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f{at}\n") for at in range(2)]
            mounts.run("mount", "--bind", ids[0], BOOT_ID)
            world.nginx.start()
            used, unused, inode = world.dpop(), world.dpop(), world.inode()
            self.statuses(world, used, 200, 401)
            world.nginx.stop()
            world.nginx.start()
            self.assertNotIn("boot", world.nginx.log())
            # The machine did not restart: the store keeps its proofs.
            self.statuses(world, used, 401)
            self.statuses(world, unused, 200, 401)
            later = world.dpop()
            world.nginx.stop()
            mounts.run("mount", "--bind", ids[1], BOOT_ID)
            # Neither a test nor a start that fails takes the place of the start that refuses.
            self.assertTrue(world.nginx.test()[0])
            world.edit("{folder}/access.log facts", "{folder}/absent/access.log facts")
            self.assertEqual(world.nginx.start_and_fail(), 1)
            world.edit("{folder}/absent/access.log facts", "{folder}/access.log facts")
            world.nginx.start()
            self.statuses(world, later, 401)
            self.assertIn("the machine was started anew", world.nginx.log())
            self.statuses(world, used, 401)
            self.assertEqual(world.inode(), inode)
            fresh = world.dpop()
            self.statuses(world, fresh, 200, 401)
            unused = world.dpop()
            world.nginx.stop()
            world.nginx.start()
            self.statuses(world, fresh, 401)
            self.statuses(world, unused, 200, 401)

    def test_no_boot_id(self):
        """Where the kernel reports none, each restart may be one of the machine."""
        with Mounts() as mounts, Zoned(mounts=mounts, start=False) as world:
            mounts.run("mount", "--bind", world.nginx.write("boot", ""), BOOT_ID)
            world.nginx.start()
            used, unused = world.dpop(), world.dpop()
            self.statuses(world, used, 200, 401)
            world.nginx.reload()
            self.statuses(world, used, 401)
            world.nginx.stop()
            world.nginx.start()
            self.statuses(world, used, 401)
            self.statuses(world, unused, 401)
            self.statuses(world, world.dpop(), 200, 401)


class OneFile(Once):
    """One file for two zones is refused, under whatever names."""

    def refused(self, path, prepare=lambda world: None):
        with Zoned(with_file(more=f"countersign_zone other:256k file={path};"), start=False) as world:
            prepare(world)
            passes, told = world.nginx.test()
            self.assertFalse(passes, told)
            self.assertRegex(told, r'zone "other" .* zone "main".* in /nginx\.conf:\d+')
            self.assertEqual(world.nginx.start_and_fail(), 1)

    def test_the_same_text(self):
        self.refused("{folder}/disk/zone")

    def test_another_way_to_write_it(self):
        self.refused("{folder}/disk/../disk//./zone")

    def test_a_link_to_its_folder(self):
        self.refused("{folder}/link/zone", lambda world: (world.nginx.folder / "link").symlink_to(world.disk))

    def test_a_second_name_of_the_file(self):
        def link(world):
            world.file.write_bytes(bytes(256 * 1024))
            world.file.chmod(0o600)
            (world.disk / "twin").hardlink_to(world.file)

        self.refused("{folder}/disk/twin", link)

    def test_the_name_under_which_it_is_made(self):
        self.refused("{folder}/disk/zone.new")

    def test_other_names_pass(self):
        world = Zoned(with_file(more="countersign_zone other:256k file={folder}/disk/other;"))
        with world:
            self.assertEqual(world.names(), ["other", "zone"])
            self.statuses(world, world.dpop(), 200, 401)


if __name__ == "__main__":
    unittest.main()
