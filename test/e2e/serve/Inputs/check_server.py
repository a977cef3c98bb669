"""Checks cadenza-serve from outside: check_server.py SERVER RUN PLAN TEMPLATE.

SERVER and RUN are the tools, PLAN is tinylm's, which has no template of its own. Prints a line for each check; ends
with an error at the first that fails.
"""

import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

server_tool, run_tool, plan, template = sys.argv[1:]
JSON = {"Content-Type": "application/json"}


class Server:
    """A server on a port of its own, ended by SIGTERM."""

    def __init__(self, *options):
        command = [server_tool, plan, "--port=0", "--device=cpu", "--threads=1", f"--chat-template={template}", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        first = self.process.stderr.readline()
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)/v1", first)[1])
        self.log = []
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.process.returncode
        self.reader.join()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, path, body=None, method=None, headers=JSON):
        """Status, headers and text of a reply."""
        connection = self.connect()
        text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        connection.request(method or ("GET" if body is None else "POST"), path, text, headers if body is not None else {})
        reply = connection.getresponse()
        result = reply.status, reply.headers, reply.read().decode()
        connection.close()
        return result

    def get(self, path, body=None):
        status, _, text = self.ask(path, body)
        assert status == 200, (status, text)
        return json.loads(text)

    def fails(self, status, path, body, message, **more):
        got, _, text = self.ask(path, body, **more)
        assert got == status, (got, text)
        error = json.loads(text)["error"]
        assert message in error["message"], error
        assert set(error) == {"message", "type", "param", "code"}, error
        return error

    def events(self, path, body):
        """The events of a stream, without the last [DONE]."""
        connection = self.connect()
        connection.request("POST", path, json.dumps({**body, "stream": True}), JSON)
        reply = connection.getresponse()
        assert reply.status == 200 and reply.headers["Content-Type"] == "text/event-stream"
        text = reply.read().decode()
        connection.close()
        assert text.endswith("data: [DONE]\n\n"), text[-100:]
        return [json.loads(event[len("data: ") :]) for event in text.split("\n\n")[:-2]]

    def raw(self, data, finish=True):
        """What the server says to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            try:
                connection.sendall(data)
                if finish:
                    connection.shutdown(socket.SHUT_WR)
                return connection.recv(65536)
            except OSError:  # it closed the connection before all was sent
                return b""


def generated(prompt, tokens, *options):
    command = [run_tool, plan, "--device=cpu", "--threads=1", "--prompt", prompt, "-n", str(tokens), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.removesuffix("\n")


def hold(server, count, **more):
    """So many long requests that nobody reads; close them."""
    connections = [server.connect() for _ in range(count)]
    body = {"prompt": "Let us go up", "max_tokens": 2000, "ignore_eos": True, "stream": True}
    for connection in connections:
        connection.request("POST", "/v1/completions", json.dumps(body), {**JSON, **more})
    return connections


def checked(what):
    print("ok:", what, flush=True)


def check_answers(server):
    prompt = "Let us go up"
    expected = generated(prompt, 12)
    answer = server.get("/v1/completions", {"prompt": prompt, "max_tokens": 12})
    choice = answer["choices"][0]
    assert answer["object"] == "text_completion" and answer["model"] == "tinylm"
    assert choice["text"] == expected and choice["finish_reason"] == "length", choice
    assert answer["usage"]["completion_tokens"] == 12 and answer["usage"]["total_tokens"] == 16, answer["usage"]
    drawn = server.get("/v1/completions", {"prompt": prompt, "max_tokens": 12, "temperature": 0.9, "seed": 5})
    assert drawn["choices"][0]["text"] == generated(prompt, 12, "--temperature=0.9", "--seed=5")
    tokens = server.get("/tokenize", {"content": prompt})["tokens"]
    assert server.get("/v1/completions", {"prompt": tokens, "max_tokens": 12})["choices"][0]["text"] == expected
    assert server.get("/detokenize", {"tokens": tokens})["content"] == prompt
    checked("completions say what cadenza-run says")

    events = server.events("/v1/completions", {"prompt": prompt, "max_tokens": 12, "stream_options": {"include_usage": True}})
    assert "".join(e["choices"][0]["text"] for e in events[:-1]) == expected
    assert [e["choices"][0]["finish_reason"] for e in events[-3:-1]] == [None, "length"]
    assert events[-1]["choices"] == [] and events[-1]["usage"]["completion_tokens"] == 12
    stop = expected[5:9]  # in the middle of words, over tokens
    for stops in (stop, [stop, "never"]):
        whole = server.get("/v1/completions", {"prompt": prompt, "max_tokens": 12, "stop": stops})["choices"][0]
        assert whole["text"] == expected[: expected.index(stop)] and whole["finish_reason"] == "stop", whole
        parts = server.events("/v1/completions", {"prompt": prompt, "max_tokens": 12, "stop": stops})
        assert "".join(e["choices"][0]["text"] for e in parts) == whole["text"]
    checked("streams are the same text, and end before stop texts")

    messages = [{"role": "user", "content": [{"type": "text", "text": "Let us go up"}]}]
    text = "user: Let us go up\nassistant:"
    chat = server.get("/v1/chat/completions", {"messages": messages, "max_tokens": 8, "model": "tinylm"})
    assert chat["object"] == "chat.completion"
    assert chat["choices"][0]["message"] == {"role": "assistant", "content": generated(text, 8)}, chat
    events = server.events("/v1/chat/completions", {"messages": messages, "max_tokens": 8})
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(e["choices"][0]["delta"].get("content", "") for e in events) == generated(text, 8)
    again = server.get("/v1/chat/completions", {"messages": messages, "max_tokens": 8})
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] > 0, again["usage"]
    checked("chats go through the template, and keep what they share")

    body = {"messages": messages, "max_tokens": 4, "logprobs": True, "top_logprobs": 2}
    whole = server.get("/v1/chat/completions", body)["choices"][0]["logprobs"]["content"]
    smile = {**body, "max_tokens": 20, "response_format": {"type": "json_object", "schema": {"const": "\U0001F600"}}}
    smile = server.get("/v1/chat/completions", smile)["choices"][0]
    assert smile["message"]["content"] == '"\U0001F600"' and len(smile["logprobs"]["content"]) > 3, smile
    assert bytes(b for e in smile["logprobs"]["content"][:6] for b in e["bytes"] or []).decode() == '"\U0001F600"', smile
    assert len(whole) == 4 and all(len(entry["top_logprobs"]) == 2 for entry in whole)
    assert all(entry["logprob"] == entry["top_logprobs"][0]["logprob"] for entry in whole), "greedy"
    parts = server.events("/v1/chat/completions", body)
    assert [e for p in parts for e in (p["choices"][0].get("logprobs") or {"content": []})["content"]] == whole
    checked("log-probabilities, at once and in pieces")


    schema = {"type": "object", "properties": {"name": {"enum": ["Saul", "David"]}, "age": {"type": "integer", "minimum": 1, "maximum": 99}},
              "required": ["name", "age"], "additionalProperties": False}
    for response_format in ({"type": "json_schema", "json_schema": {"name": "king", "schema": schema}}, {"type": "json_object"}):
        body = {"messages": messages, "max_tokens": 400, "temperature": 1, "seed": 3, "response_format": response_format}
        answer = server.get("/v1/chat/completions", body)["choices"][0]
        parts = server.events("/v1/chat/completions", body)
        assert "".join(e["choices"][0]["delta"].get("content", "") for e in parts) == answer["message"]["content"]
        if answer["finish_reason"] == "stop":  # any object may be long
            value = json.loads(answer["message"]["content"])
        if response_format["type"] == "json_schema":
            assert list(value) == ["name", "age"] and value["name"] in ("Saul", "David") and 1 <= value["age"] <= 99, value
    checked("answers follow a schema")

    # A model that can do nothing but call.
    schema = {"type": "object", "properties": {"name": {"enum": ["anoint"]}, "arguments": {"type": "object",
              "properties": {"king": {"enum": ["Saul", "David"]}}, "required": ["king"], "additionalProperties": False}},
              "required": ["name", "arguments"], "additionalProperties": False}
    body = {"messages": messages, "response_format": {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}}
    text = server.get("/v1/chat/completions", body)["choices"][0]
    assert text["finish_reason"] == "stop" and "tool_calls" not in text["message"], "no tools, no calls"
    arguments = json.loads(text["message"]["content"])["arguments"]
    body["tools"] = [{"type": "function", "function": {"name": "anoint"}}]
    choice = server.get("/v1/chat/completions", body)["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None, choice
    assert call["type"] == "function" and call["function"]["name"] == "anoint" and len(call["id"]) == 9, call
    assert json.loads(call["function"]["arguments"]) == arguments, call
    parts = [e["choices"][0] for e in server.events("/v1/chat/completions", body)]
    (delta,) = [call for part in parts for call in part["delta"].get("tool_calls", [])]
    assert delta["index"] == 0 and delta["function"] == call["function"], delta
    assert parts[-1]["finish_reason"] == "tool_calls" and not any(part["delta"].get("content") for part in parts), parts
    checked("calls of tools")


def check_errors(server):
    hello = {"messages": [{"role": "user", "content": "Hello"}]}
    for path in ("/v1/chat/completions", "/v1/completions", "/tokenize", "/detokenize"):
        for body in ('{"prompt": [', "", "[]", "null", b'{"prompt": "\xff"}', "{" * 5000):
            server.fails(400, path, body, "the body is not")
        server.fails(415, path, "{}", "Content-Type: application/json", headers={"Content-Type": "text/plain"})
        server.fails(405, path, None, "takes POST")
    server.fails(404, "/v1/chat/completions", {**hello, "model": "gpt-4"}, "there is no model 'gpt-4' here, but 'tinylm'")
    server.fails(404, "/v2", None, "there is no /v2 here")
    server.fails(404, "/v1/models/other", None, "'other'")
    server.fails(400, "/v1/embeddings", {"input": "a"}, "gives no embeddings")
    assert server.fails(400, "/v1/completions", {"prompt": "a", "top_p": 0}, "above 0")["param"] == "top_p"
    server.fails(400, "/v1/completions", {"prompt": "a", "max_tokens": -1}, "from 1 to")
    server.fails(400, "/v1/completions", {"prompt": [4096]}, "token 4096 is not one of the 4096")
    server.fails(400, "/v1/completions", {"prompt": "a", "logit_bias": {"5000": 1}}, "5000")
    error = server.fails(400, "/v1/completions", {"prompt": [1] * 2048}, "has 2048 tokens; the context has 2048")
    assert error["code"] == "context_length_exceeded"
    try:  # the server need not read on, and then a client may not come to reading
        assert server.ask("/v1/completions", b"x" * (2 << 20))[0] == 413
    except ConnectionError:
        pass
    checked("bad requests are told what is wrong")

    for data in (b"\r\n\r\n", b"\x00\xff" * 100, b"GET\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                 b"POST /v1/completions HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                 b"POST /v1/completions HTTP/1.1\r\nContent-Length: 10\r\n\r\n{",
                 b"GET /health HTTP/1.1\r\n" + b"A: " + b"x" * (1 << 20),
                 b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * 50000 + b"\r\n",
                 b"GET /" + b"x" * (1 << 20) + b" HTTP/1.1\r\n\r\n"):
        assert b" 200 " not in server.raw(data)[:20], data[:40]
    half = b'POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"content":"a"}'
    assert b" 200 " in server.raw(half)[:20], "a client that closed its half is answered"
    assert server.get("/health") == {"status": "ok"}
    checked("the server lives on")


def check_crowd():
    """64 clients, of which a third goes away; and more than may wait."""
    with Server("--queue=100") as server:
        want = server.get("/v1/completions", {"prompt": "Let us go up", "max_tokens": 3})["choices"][0]["text"]

        def stays(_):
            return server.get("/v1/completions", {"prompt": "Let us go up", "max_tokens": 3})["choices"][0]["text"]

        def vanishes(number):
            connection = server.connect()
            body = {"prompt": "Let us go up", "max_tokens": 2000, "stream": number % 2 == 0, "ignore_eos": True}
            connection.request("POST", "/v1/completions", json.dumps(body), JSON)
            time.sleep(0.02 * number)
            connection.close()
            return want

        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            texts = list(pool.map(lambda i: (vanishes if i % 3 == 0 else stays)(i), range(64)))
        assert texts == [want] * 64
        server.get("/v1/completions", {"prompt": "a", "max_tokens": 1})  # after all that went away
        status, _, metrics = server.ask("/metrics")
        values = dict(re.findall(r"^(\w+) ([0-9.e+-]+)$", metrics, re.M))
        assert float(values["cadenza_cancelled_total"]) >= 20, values
        assert float(values["cadenza_generated_tokens_total"]) < 500, "who went away is not worked for"
        checked("64 clients, a third of which vanishes")

    with Server("--queue=1") as server:
        connections = hold(server, 6)  # one runs, one waits, the others are refused, too
        error = server.fails(429, "/v1/completions", {"prompt": "a"}, "1 requests are waiting already")
        assert error["type"] == "rate_limit_error"
        for connection in connections:
            connection.close()
        checked("a queue with a limit")


def check_rest():
    with Server("--api-key=secret", "--timeout=1", "--model-name=small") as server:
        server.fails(401, "/v1/models", None, "Authorization: Bearer KEY")
        bad = {**JSON, "Authorization": "Bearer secre"}
        server.fails(401, "/v1/completions", {"prompt": "a"}, "Authorization", headers=bad)
        good = {**JSON, "Authorization": "Bearer secret"}
        status, _, text = server.ask("/v1/completions", {"prompt": "a", "max_tokens": 1}, headers=good)
        assert status == 200 and json.loads(text)["model"] == "small", text
        assert server.get("/health") == {"status": "ok"}
        status, _, page = server.ask("/")
        assert status == 200 and "<textarea" in page and "http://" not in page and "https://" not in page
        long = {"prompt": "Let us go up", "max_tokens": 2000, "ignore_eos": True}
        connections = hold(server, 4, Authorization="Bearer secret")  # on a fast machine waiting takes the time
        error = server.fails(503, "/v1/completions", long, "longer than the server allows", headers=good)
        assert error["code"] == "cancelled"
        for connection in connections:
            connection.close()
        checked("keys, names and time limits")

    server = Server()
    with server:
        connection = server.connect()
        body = {"prompt": "Let us go up", "max_tokens": 1500, "ignore_eos": True, "stream": True}
        connection.request("POST", "/v1/completions", json.dumps(body), JSON)
        reply = connection.getresponse()
        reply.read(10)
        other = server.connect()
        other.connect()
        server.process.send_signal(signal.SIGTERM)
        status = 200
        while status == 200:  # on the same connection: new ones are not taken
            other.request("GET", "/health")
            reply_of_health = other.getresponse()
            reply_of_health.read()
            status = reply_of_health.status
        assert status == 503, status
        other.request("POST", "/v1/completions", json.dumps({"prompt": "a"}), JSON)
        assert other.getresponse().status == 503
        assert reply.read().decode().endswith("data: [DONE]\n\n"), "what runs is answered"
    assert any("1500 generated" in line for line in server.log), server.log
    checked("SIGTERM lets answers end")


with Server("--logprobs", "--max-body=1") as shared:
    check_answers(shared)
    check_errors(shared)
check_crowd()
check_rest()
