"""The recorder of a profile as a child process, started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from deskq import log
from deskq.brokers.ports import LoginRefused
from deskq.files.locks import is_locked
from deskq.profiles import Profile, profile_to_json
from deskq.recorder import RECOVERED
from deskq.system import own_command

_log = logging.getLogger(__name__)

STOP_SECONDS: Final = 8.0
_SAYS: Final = "deskq: "
_RESTART_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)


class RecorderChild:
    """One child at a time. ``run``: does what blocks in a thread; ``say`` takes what is wrong, "" for nothing."""

    def __init__(
        self,
        profile: Profile,
        run: Callable[[Callable[[], bool]], Awaitable[bool]],
        say: Callable[[str], object],
    ) -> None:
        self._profile = profile
        self._run = run
        self._say = say

    async def keep_alive(self) -> None:
        """Keep it alive, unless a service writes this history already. Raises LoginRefused for a wrong password."""
        path = self._profile.history_path()
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            if await self._run(lambda: is_locked(path)):
                await asyncio.sleep(2.0)
                continue
            began = loop.time()
            code, last_words = await self._run_recorder()
            _log.info("the recorder of %s ended with status %d: %s", self._profile.name, code, last_words)
            if code == LoginRefused.EXIT_STATUS:
                raise LoginRefused(last_words)
            if code == 2 and await self._run(lambda: is_locked(path)):
                self._say("")  # a service was quicker to take the history: it is followed
                continue
            if code == 2:  # said clearly what is wrong; a wrong password is not tried again
                self._say(last_words or "The recorder refused to start.")
                return
            failures = 0 if loop.time() - began > 60 else failures + 1
            self._say(f"The recorder stopped unexpectedly ({last_words or code}). Restarting it.")
            await asyncio.sleep(_RESTART_SECONDS[min(failures, len(_RESTART_SECONDS) - 1)])

    async def _run_recorder(self) -> tuple[int, str]:
        """Run one recorder to its end; it also ends when this process dies, since its standard input closes."""
        process = await asyncio.create_subprocess_exec(
            *recorder_command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stderr is not None
        last = ""
        try:
            process.stdin.write(profile_to_json(self._profile).encode() + b"\n")
            await process.stdin.drain()
            while line := await _line_of(process.stderr):
                text = line.decode("utf-8", "replace").strip()
                if not log.relay(text):
                    last = text or last
                    self._heard(last)
            return await process.wait(), last.removeprefix(_SAYS)
        except (BrokenPipeError, ConnectionResetError):
            return await process.wait(), last
        finally:
            if process.returncode is None:
                process.stdin.close()
                with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                    await asyncio.wait_for(asyncio.shield(process.wait()), STOP_SECONDS)
                if process.returncode is None:
                    process.kill()
                    with contextlib.suppress(asyncio.CancelledError):
                        await process.wait()  # else the loop could end before it has heard of the end

    def _heard(self, line: str) -> None:
        """The recorder says on standard error what it may not be able to write into the history."""
        if line.startswith(_SAYS):
            said = line.removeprefix(_SAYS)
            self._say("" if said == RECOVERED else said)


async def _line_of(stream: asyncio.StreamReader) -> bytes:
    """Return the next line, without its end if it is overlong; b"" at the end."""
    try:
        return await stream.readline()
    except ValueError:  # longer than the reader's limit, which it then has thrown away
        return b"(an overlong message)\n"


def recorder_command() -> list[str]:
    """The command line of a child recorder: this program, frozen or not. It holds nothing secret."""
    return own_command("record", "--child")
