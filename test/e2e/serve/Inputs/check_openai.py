"""Checks cadenza-serve with OpenAI's own client: check_openai.py SERVER PLAN TEMPLATE, in a Python that has `openai`."""

import re
import signal
import subprocess
import sys

import openai

server_tool, plan, template = sys.argv[1:]
command = [server_tool, plan, "--port=0", "--device=cpu", "--quiet", "--logprobs", "--api-key=k", f"--chat-template={template}"]
process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
try:
    base = re.search(r"http://127\.0\.0\.1:\d+/v1", process.stderr.readline())[0]
    client = openai.OpenAI(base_url=base, api_key="k", max_retries=0)
    assert [model.id for model in client.models.list()] == ["tinylm"]
    assert client.models.retrieve("tinylm").owned_by == "cadenza"
    messages = [{"role": "user", "content": "Let us go up"}]
    chat = client.chat.completions.create(model="tinylm", messages=messages, max_completion_tokens=6, seed=1, temperature=0,
                                          logprobs=True, top_logprobs=1)
    text = chat.choices[0].message.content
    assert text and chat.choices[0].finish_reason == "length" and chat.usage.completion_tokens == 6
    assert len(chat.choices[0].logprobs.content) == 6
    pieces, usage = [], None
    stream = client.chat.completions.create(model="tinylm", messages=messages, max_completion_tokens=6, temperature=0,
                                            stream=True, stream_options={"include_usage": True})
    for event in stream:
        usage = event.usage or usage
        pieces += [choice.delta.content or "" for choice in event.choices]
    assert "".join(pieces) == text and usage.completion_tokens == 6
    legacy = client.completions.create(model="tinylm", prompt="user: Let us go up\nassistant:", max_tokens=6, temperature=0)
    assert legacy.choices[0].text == text
    for error, ask in (
        (openai.NotFoundError, lambda: client.chat.completions.create(model="other", messages=messages)),
        (openai.BadRequestError, lambda: client.chat.completions.create(model="tinylm", messages=[])),
        (openai.AuthenticationError, lambda: openai.OpenAI(base_url=base, api_key="x", max_retries=0).models.list()),
    ):
        try:
            ask()
        except error as said:
            assert said.body["message"], said
        else:
            raise AssertionError(f"{error.__name__} was expected")
finally:
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
print("ok: OpenAI's client", openai.__version__)
