"""The way of one node to the database: a link to its socket, which can be taken away while everybody else goes on."""
import os
import time
import urllib.parse

from storm.site import Trouble

SOCKET_PATH_BYTES_MAX = 107


class Gate:
    """A folder with the link, and what is in the node's address of the database."""

    def __init__(self, site, name):
        self._site, self._name = site, name
        self._folder = f"{site.data}/{name}"
        self._link = self._target = None
        self._open_at = None

    def url(self):
        """The address that the node is told."""
        base, _, query = self._site.url.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        name = f".s.PGSQL.{query.get('port', 5432)}"
        self._link, self._target = f"{self._folder}/{name}", f"{query['host']}/{name}"
        if len(self._link.encode()) > SOCKET_PATH_BYTES_MAX:
            raise Trouble(f"no socket can have the path {self._link}: choose a shorter folder with --data")
        os.makedirs(self._folder, exist_ok=True)
        if not self._open_at:
            self.open()
        query |= {"host": self._folder, "application_name": self._name}
        return f"{base}?{urllib.parse.urlencode(query)}"

    def shut(self, seconds):
        """No way in from here on; those who are in are thrown out by whoever shuts it."""
        self._open_at = time.monotonic() + seconds
        if os.path.islink(self._link):
            os.unlink(self._link)

    def open(self):
        """The way is there again."""
        self._open_at = None
        if not os.path.islink(self._link):
            os.symlink(self._target, self._link)

    def tend(self, now):
        """Opens it when its time is over."""
        if self._open_at and now >= self._open_at:
            self.open()
