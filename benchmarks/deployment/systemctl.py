"""A stand-in for `systemctl` where systemd is not the first process: it starts the commands of units as they say.

Each runs with the unit's user, folder and variables, in a session of its own. In place of `PrivateTmp`, all share a
folder for temporary files that nobody else on this machine has: workers delete what they find there of processes that
do not exist, and those of another namespace seem not to. What else shuts a service in (`ProtectSystem`, `MemoryMax` and
so on) is not done, and a process that ends is not started again.
"""

from __future__ import annotations

import os
import pwd
import re
import select
import shlex
import signal
import subprocess
import sys
from pathlib import Path

UNITS = Path("/etc/systemd/system")
STATE = Path("/run/gradus-rehearsal")
TEMPORARY = "tmp"
ENDS_WITHIN_SECONDS = 60


def service_of(name: str) -> list[tuple[str, str]]:
    """The pairs of `[Service]` of a unit, with those of its drop-ins, and %i and %H filled in."""
    base, _, instance = name.removesuffix(".service").partition("@")
    file = UNITS / (f"{base}@.service" if instance else f"{base}.service")
    more = sorted((UNITS / f"{name.removesuffix('.service')}.service.d").glob("*.conf"))
    pairs, section = [], ""
    for line in "\n".join(path.read_text() for path in (file, *more)).splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            pairs.append((key, value.replace("%i", instance).replace("%H", os.uname().nodename)))
    return pairs


def environment_of(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    if ("PrivateTmp", "yes") in pairs:
        found["TMPDIR"] = str(STATE / TEMPORARY)
    for key, value in pairs:
        if key == "Environment":
            name, _, text = value.strip('"').partition("=")
            found[name] = text
        elif key == "EnvironmentFile" and (Path(value.lstrip("-")).exists() or not value.startswith("-")):
            lines = Path(value.lstrip("-")).read_text().splitlines()
            named = (line.split("=", 1) for line in lines if re.match(r"[A-Z]\w*=", line))
            found |= {name: shlex.split(text)[0] if text else "" for name, text in named}
    return found


def start(name: str) -> None:
    if name.endswith(".target"):
        for wanted in re.findall(r"^Wants=(.*)$", (UNITS / name).read_text(), re.MULTILINE):
            for unit in wanted.split():
                start(unit)
        return
    pairs = service_of(name)
    service, variables = dict(pairs), environment_of(pairs)
    # As systemd does: `$POOL` alone becomes several words.
    words = shlex.split(re.sub(r"\$(\w+)", lambda found: variables.get(found.group(1), ""), service["ExecStart"]))
    user = pwd.getpwnam(service["User"])
    with (STATE / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            words,
            cwd=service["WorkingDirectory"],
            env=variables | {"HOME": user.pw_dir, "USER": user.pw_name},
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            umask=int(service["UMask"], 8),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (STATE / f"{name}.pid").write_text(str(process.pid))


def stop(name: str) -> None:
    """Asks the main process to end and waits for it; then ends what it has left."""
    file = STATE / f"{name}.pid"
    pid = int(file.read_text())
    file.unlink()
    ending = os.pidfd_open(pid)
    signal.pidfd_send_signal(ending, signal.SIGTERM)
    select.select([ending], [], [], ENDS_WITHIN_SECONDS)
    os.close(ending)
    subprocess.run(["/usr/bin/pkill", "-KILL", "-s", str(pid)], check=False)


def running() -> list[str]:
    return sorted(path.name.removesuffix(".pid") for path in STATE.glob("*.pid"))


def main(words: list[str]) -> int:
    act, names = words[0], [word for word in words[1:] if not word.startswith("-")]
    STATE.mkdir(exist_ok=True)
    (STATE / TEMPORARY).mkdir(exist_ok=True)
    (STATE / TEMPORARY).chmod(0o1777)
    names = [name if "." in name else f"{name}.service" for name in names]
    if act in ("enable", "start"):
        for name in names:
            start(name)
    elif act == "stop":
        for name in names:
            stop(name)
    elif act == "restart":
        for name in names:
            stop(name)
            start(name)
    elif act == "reload":
        for name in names:
            # The unit's ExecReload.
            os.kill(int((STATE / f"{name}.pid").read_text()), signal.SIGHUP)
    elif act != "daemon-reload":
        print(f"the stand-in for systemctl does not know {act}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
