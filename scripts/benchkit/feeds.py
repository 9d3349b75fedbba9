"""Those who follow the feeds of lists: a thread each, which waits for the next content again and again."""
import json
import statistics
import threading
import time

from benchkit.common import BenchError
from labkit.unix_http import UnixConnection

WAIT_SECONDS = 2


def next_content(connection, name, etag):
    """(status, entity tag) of the answer: 304 if nothing came."""
    connection.request("GET", f"/v1/lists/{name}/feed?format=plain&wait_seconds={WAIT_SECONDS}", None, {"If-None-Match": etag} if etag else {})
    answer = connection.getresponse()
    answer.read()
    if answer.status not in (200, 304):
        raise BenchError(f"the feed of list {name}: {answer.status}")
    return answer.status, answer.headers["ETag"]


class Followers:
    def __init__(self, socket, names):
        self.socket, self.names, self.ended, self.contents, self.failed = socket, names, threading.Event(), 0, []
        self.began = threading.Barrier(len(names) + 1)
        self.threads = [threading.Thread(target=self.follow, args=(name,)) for name in names]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        try:
            self.began.wait(120)  # each has its first content
        except threading.BrokenBarrierError:
            raise BenchError(self.failed[0] if self.failed else "a list has no content within 120 s") from None
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        if self.failed:
            raise BenchError(self.failed[0])

    def follow(self, name):
        connection = UnixConnection(self.socket, timeout=60)
        try:
            _, etag = next_content(connection, name, None)
            self.began.wait(120)
            while not self.ended.is_set():
                status, etag = next_content(connection, name, etag)
                self.contents += status == 200
        except (OSError, BenchError, threading.BrokenBarrierError) as failure:
            self.failed.append(f"{name}: {failure}")
            self.began.abort()
        finally:
            connection.close()


def milliseconds_to_a_follower(controller, name, count):
    """The median time from before a binding is asked for until the one who waits has the answer."""
    took, etag = [], None
    waiting, asking = UnixConnection(controller.socket, timeout=60), UnixConnection(controller.socket, timeout=60)
    try:
        for number in range(count):
            _, etag = next_content(waiting, name, None)
            found = {}

            def wait():
                found["status"], _ = next_content(waiting, name, etag)
                found["at"] = time.perf_counter()
            thread = threading.Thread(target=wait)
            thread.start()
            time.sleep(0.05)  # it waits, and the controller has made up for its work
            begin = time.perf_counter()
            asking.request("POST", "/v1/ports:allocate", json.dumps({
                "node": "n0", "attachment": {"container_id": f"follower-{number}", "ifname": "eth0"}, "namespace": "bench",
                "hostname": f"follower-{number}"}), {"Content-Type": "application/json"})
            asking.getresponse().read()
            thread.join()
            if found.get("status") != 200:
                raise BenchError(f"list {name}: an allocation did not come to its follower")
            took.append((found["at"] - begin) * 1000)
    finally:
        waiting.close()
        asking.close()
    return statistics.median(took)
