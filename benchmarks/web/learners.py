"""Learners as Locust drives them. Runs in Locust's own environment: knows nothing of Django or of this project.

`LOAD_PLAN` names a JSON file: `{users: [session key, ...], pages: {name: path, ...}, boards: [path, ...],
challenge, think_s: [least, most], host, result}`. At the end every answer's name, time, milliseconds and status are
written to `result`, one per line.
"""

import itertools
import json
import os
import random
import re
import time
from pathlib import Path

from locust import FastHttpUser, between, events, task

PLAN = json.loads(Path(os.environ["LOAD_PLAN"]).read_text())
SESSIONS = itertools.cycle(PLAN["users"])
CSRF = "c" * 32
KEY = re.compile(r'name="key"[^>]*value="([^"]+)"')
DONE = []


class Learner(FastHttpUser):
    """Reads most of the time; now and then opens a challenge, writes a prompt and submits it."""

    wait_time = between(*PLAN["think_s"])
    connection_timeout = network_timeout = 30.0

    def on_start(self):
        self.headers = {
            "Host": PLAN["host"],
            "X-Forwarded-Proto": "https",
            "Origin": f"https://{PLAN['host']}",
            "Cookie": f"sessionid={next(SESSIONS)}; csrftoken={CSRF}",
        }
        # Nobody arrives at the same moment as all others.
        time.sleep(random.uniform(0, PLAN["think_s"][1]))

    def ask(self, name, path, data=None):
        at, begin = time.time(), time.perf_counter()
        with self.client.request(
            "POST" if data else "GET",
            path,
            name=name,
            data=data,
            headers=self.headers,
            allow_redirects=False,
            catch_response=True,
        ) as answer:
            text = answer.text if answer.status_code else ""
            DONE.append((name, at, 1000 * (time.perf_counter() - begin), answer.status_code))
            answer.success()
        return answer, text

    @task(30)
    def lesson(self):
        self.ask("lesson", PLAN["pages"]["lesson"])

    @task(20)
    def challenge(self):
        self.ask("challenge", PLAN["pages"]["challenge"])

    @task(15)
    def leaderboard(self):
        self.ask("leaderboard", random.choice(PLAN["boards"]))

    @task(5)
    def boards(self):
        self.ask("boards", PLAN["pages"]["boards"])

    @task(10)
    def home(self):
        self.ask("home", PLAN["pages"]["home"])

    @task(5)
    def path(self):
        self.ask("path", PLAN["pages"]["path"])

    @task(8)
    def submit(self):
        _, page = self.ask("challenge", PLAN["pages"]["challenge"])
        key = KEY.search(page or "")
        if key is None:
            return
        self.wait()
        form = {
            "csrfmiddlewaretoken": CSRF,
            "key": key.group(1),
            "kind": "prompt",
            "instructions": f"Name the doctor. {random.random():.6f}",
            "example_input": "My eyes are red and gritty.",
            "example_output": "Ophthalmologist",
        }
        answer, _ = self.ask("submit", f"{PLAN['pages']['challenge']}submit", form)
        if answer.status_code == 302:
            self.ask("submission", answer.headers["Location"])


@events.quitting.add_listener
def write(environment, **kwargs):
    Path(PLAN["result"]).write_text("".join(json.dumps(one) + "\n" for one in DONE))
