"""A process that can be stopped for a while."""
import signal
import time


class Stoppable:
    """What nodes and providers have in common: `_process`, which stands still until `_resume_at`."""

    _process = None
    _resume_at = None

    def suspend(self, seconds):
        """SIGSTOP; `wake` resumes it."""
        self._process.send_signal(signal.SIGSTOP)
        self._resume_at = time.monotonic() + seconds

    def resume(self):
        """SIGCONT."""
        self._resume_at = None
        self._process.send_signal(signal.SIGCONT)

    def wake(self, now):
        """Resumes it when its time is over."""
        if self._resume_at and now >= self._resume_at:
            self.resume()
