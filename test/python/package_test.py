"""The Python package on examples/tinylm: what it gives, its errors, and that a plan survives whatever is done to it.

Needs cadenza-compile, in the package or on PATH. NumPy is tested where it is installed. On a GPU, with NVRTC:
CADENZA_TEST_DEVICE=cuda CADENZA_TEST_TARGET=sm_90.
"""

import array
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import weakref

import cadenza

try:
    import numpy
except ImportError:
    numpy = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMPT = "Let us go up"
ANSWER = " to the battle, and let us go up to the battle.\n"
DEVICE = {"device": os.environ.get("CADENZA_TEST_DEVICE", "cpu"), "threads": 1}
TARGET = os.environ.get("CADENZA_TEST_TARGET", "cpu")
needs_numpy = unittest.skipIf(numpy is None, "NumPy is not installed")


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        model = pathlib.Path(cls.folder.name, "model")
        shutil.copytree(ROOT / "examples/tinylm", model)
        shutil.copy(ROOT / "test/e2e/chat/Inputs/chat_template.jinja", model)
        cls.path = pathlib.Path(cls.folder.name, "tiny.plan")
        cls.plan = cadenza.compile(model, cls.path, target=TARGET, **DEVICE)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.plan.close()
        cls.folder.cleanup()

    def assert_usable(self) -> None:
        self.assertEqual(self.plan.generate(PROMPT, max_tokens=13).text, ANSWER)

    def test_facts(self) -> None:
        self.assertTrue(self.plan.info["device"].startswith(DEVICE["device"]))
        self.assertEqual(self.plan.info["decoder"]["vocabulary"], 4096)
        self.assertEqual(repr(self.plan), f"<cadenza.Plan model on {self.plan.info['device']}>")
        self.assertTrue(cadenza.version.startswith(cadenza.__version__))

    def test_text_comes_in_pieces(self) -> None:
        stream = self.plan.generate(PROMPT, max_tokens=13)
        pieces = list(stream)
        self.assertGreater(len(pieces), 5)
        self.assertEqual("".join(pieces), ANSWER)
        result = stream.result()
        self.assertEqual((result.text, result.finish_reason, result.seed), (ANSWER, "length", None))
        self.assertEqual(len(result.tokens), 13)
        self.assertEqual(result.figures["prompt_tokens"], 4)
        with self.assertRaises(RuntimeError):
            list(stream)
        self.assertEqual(self.plan.generate(self.plan.tokenize(PROMPT), max_tokens=13).text, ANSWER)

    def test_tokens(self) -> None:
        tokens = self.plan.tokenize(PROMPT)
        self.assertEqual(self.plan.detokenize(tokens), PROMPT)
        self.assertEqual(self.plan.tokenize(""), [])
        self.assertEqual(self.plan.detokenize([]), "")

    def test_an_abandoned_generator_cancels(self) -> None:
        for _ in range(20):
            for piece in self.plan.generate(PROMPT, max_tokens=2000, ignore_eos=True):
                break
            self.assertEqual(piece, " to")
        iterator = iter(self.plan.generate(PROMPT, max_tokens=2000, ignore_eos=True))
        next(iterator)
        with self.assertRaises(cadenza.Busy):
            self.plan.generate(PROMPT).result()
        del iterator
        iter(self.plan.generate(PROMPT))  # one that never began
        self.assert_usable()

    def test_what_a_callback_raises_comes_out(self) -> None:
        class Mine(Exception):
            pass

        def throw(_: object) -> None:
            raise Mine("from here")

        for keyword in ("on_text", "on_token"):
            with self.assertRaisesRegex(Mine, "from here"):
                self.plan.generate(PROMPT).result(**{keyword: throw})
            self.assert_usable()
        with self.assertRaises(KeyboardInterrupt):
            self.plan.generate(PROMPT).result(on_token=lambda token: (_ for _ in ()).throw(KeyboardInterrupt))
        self.assert_usable()
        texts, tokens = [], []
        result = self.plan.generate(PROMPT, max_tokens=5).result(texts.append, tokens.append)
        self.assertEqual(("".join(texts), tokens), (result.text, result.tokens))
        with self.assertRaises(Mine), cadenza.open(self.path, prefill=False, **DEVICE) as plan:
            plan.generate([1] * 1000).result(on_prompt=throw)

    def test_cancel_from_another_thread(self) -> None:
        def cancel(_: int) -> None:
            thread = threading.Thread(target=self.plan.cancel)
            thread.start()
            thread.join()

        result = self.plan.generate(PROMPT, max_tokens=100).result(on_token=cancel)
        self.assertEqual((result.finish_reason, len(result.tokens)), ("cancelled", 1))
        self.assert_usable()

    def test_two_threads_at_once(self) -> None:
        errors = []

        def use(_: int) -> None:
            def other() -> None:
                for call in (lambda: self.plan.logits([1]), lambda: list(self.plan.generate([1]))):
                    try:
                        call()
                    except cadenza.Busy as error:
                        errors.append(error)

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()

        used = self.plan.generate(PROMPT, max_tokens=2).result(on_token=use)
        self.assertEqual((used.finish_reason, len(errors)), ("length", 4))
        self.assertEqual(errors[0].code, 100)

    def test_draws(self) -> None:
        options = {"max_tokens": 12, "temperature": 0.9, "top_k": 50, "top_p": 0.95, "logit_bias": {5: -math.inf}}
        drawn = self.plan.generate(PROMPT, seed=2**64 - 1, **options).result()
        self.assertEqual(drawn.seed, 2**64 - 1)
        again = self.plan.generate(PROMPT, seed=2**64 - 1, **options).result()
        self.assertEqual(again.tokens, drawn.tokens)
        self.assertNotIn(5, drawn.tokens)
        random = self.plan.generate(PROMPT, **options).result()
        self.assertEqual(self.plan.generate(PROMPT, seed=random.seed, **options).result().tokens, random.tokens)

        self.plan.reset()
        self.plan.step(self.plan.tokenize(PROMPT))
        sampling = {name: options[name] for name in ("temperature", "top_k", "top_p", "logit_bias")}
        for expected in drawn.tokens[:6]:
            self.assertEqual(self.plan.sample(seed=2**64 - 1, **sampling), expected)
            self.plan.step(expected)

    def test_chat(self) -> None:
        talk = [{"role": "user", "content": PROMPT}]
        self.assertEqual(self.plan.render_chat(talk), PROMPT)
        self.assertEqual(self.plan.chat(talk, max_tokens=13).text, ANSWER)
        self.assertEqual("".join(self.plan.chat(PROMPT, max_tokens=13)), ANSWER)
        thoughtless = self.plan.render_chat(PROMPT, variables={"enable_thinking": False})
        self.assertEqual(thoughtless, PROMPT + " Thou")
        self.assertEqual(self.plan.render_chat(talk, template="{{ messages | length }}"), "1")
        with self.assertRaises(cadenza.InvalidInput):
            self.plan.chat([{"content": "nobody's"}]).result()

    def test_ends_and_constraints(self) -> None:
        stopped = self.plan.generate(PROMPT, stop=["nowhere", "battle"]).result()
        self.assertEqual((stopped.text, stopped.finish_reason), (" to the ", "stop_text"))
        self.assertEqual(self.plan.generate(PROMPT, stop=" battle").text, " to the")
        matched = self.plan.generate(PROMPT, regex="[0-9]{3}").result()
        self.assertRegex(matched.text, "^[0-9]{3}$")
        self.assertIn(matched.finish_reason, ("complete", "stop_token"))
        chosen = self.plan.generate(PROMPT, json_schema={"enum": ["yes", "no"]}).text
        self.assertIn(chosen.strip(), ('"yes"', '"no"'))
        logprobs = self.plan.generate(PROMPT, max_tokens=2, logprobs=3).result().logprobs
        self.assertEqual([len(token["top"]) for token in logprobs], [3, 3])

    def test_saved_states(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "talk.state")
            first = self.plan.generate(PROMPT, max_tokens=13).result()
            self.plan.save(file, note={"talk": [1]})
            with cadenza.open(self.path, **DEVICE) as other:
                self.assertEqual(other.load(file), {"talk": [1]})
                prompt = self.plan.tokenize(PROMPT) + first.tokens
                continued = other.generate(prompt, max_tokens=3, reuse="on").result()
                self.assertEqual(continued.figures["kept_tokens"], 16)
            file.write_bytes(b"CDZSTATE")
            with self.assertRaises(cadenza.InvalidInput):
                self.plan.load(file)

    def test_logits(self) -> None:
        tokens = self.plan.tokenize(PROMPT)
        rows = self.plan.logits(tokens)
        self.assertEqual(tuple(rows.shape), (4, 4096))
        likely = max(range(4096), key=lambda token: rows[3, token])
        self.assertEqual([likely], self.plan.generate(PROMPT, max_tokens=1).result().tokens)
        with cadenza.open(self.path, prefill=False, **DEVICE) as plan:  # a tile sums in another order than a step
            rows = plan.logits(PROMPT)
            self.assertEqual(plan.step(tokens[:3]).tolist(), rows.tolist()[2])
            self.assertEqual(plan.step(tokens[3]).tolist(), rows.tolist()[3])
        if numpy is not None:
            self.assertIsInstance(rows, numpy.ndarray)
            self.assertEqual(rows.dtype, numpy.float32)

    def test_errors(self) -> None:
        with self.assertRaisesRegex(cadenza.InputOutput, "none.plan") as raised:
            cadenza.open("none.plan")
        self.assertIsInstance(raised.exception, OSError)
        self.assertEqual(raised.exception.code, 11)
        with self.assertRaises(cadenza.InvalidPlan):
            cadenza.open(__file__)
        with self.assertRaisesRegex(cadenza.InvalidArgument, "toaster"):
            cadenza.open(self.path, device="toaster")
        for prompt in ([], [4096], [-1]):
            with self.assertRaises(cadenza.InvalidArgument):
                self.plan.generate(prompt).result()
            with self.assertRaises(ValueError):
                list(self.plan.generate(prompt))
        with self.assertRaises(cadenza.CacheFull):
            self.plan.generate([1] * 3000).result()
        for options in (
            {"temperature": math.nan},
            {"top_p": 0},
            {"regex": "("},
            {"json_schema": "{"},
            {"regex": "a", "json_schema": {}},
            {"seed": -1},
            {"seed": 2**64},
            {"max_tokens": -1},
            {"reuse": "often"},
        ):
            with self.assertRaises(ValueError):
                self.plan.generate(PROMPT, **options).result()
        with self.assertRaises(TypeError):
            self.plan.generate(PROMPT, temprature=1)
        for options in ({"top_k": 2**64}, {"logit_bias": {2**32 + 5: 1}}, {"stop_tokens": [2**32 + 5]}):
            with self.assertRaises(OverflowError):
                self.plan.generate(PROMPT, **options)
        with self.assertRaises(OverflowError):
            self.plan.generate([2**32 + 1])
        with self.assertRaises(OverflowError):
            cadenza.open(self.path, threads=2**32)
        with cadenza.open(self.path, logits=False, **DEVICE) as plan, self.assertRaisesRegex(ValueError, "logits"):
            plan.logits([1])
        with self.assertRaisesRegex(ValueError, "closed"):
            plan.tokenize("a")
        with self.assertRaisesRegex(cadenza.Error, "nowhere"):
            cadenza.compile("nowhere")
        self.assert_usable()

    def test_memory_goes_with_the_plan(self) -> None:
        plan = cadenza.open(self.path, **DEVICE)
        plan.generate(PROMPT, max_tokens=2).result(on_text=lambda text: None)
        list(plan.generate(PROMPT, max_tokens=2))
        gone = weakref.ref(plan)
        del plan
        self.assertIsNone(gone())

    def test_a_generator_at_the_end_of_the_program(self) -> None:
        code = f"""
import cadenza, logging
logging.getLogger("cadenza").setLevel("ERROR")
plan = cadenza.open({str(self.path)!r}, **{DEVICE})
pieces = iter(plan.generate({PROMPT!r}, max_tokens=2000))
print(next(pieces))
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, " to\n", ""))


class Foreign:
    """A tensor of another package: all that is known of it is DLPack."""

    def __init__(self, tensor: object, device: int = 1) -> None:
        self.tensor, self.device = tensor, device

    def __dlpack_device__(self) -> tuple:
        return self.device, 0

    def __dlpack__(self, **_: object) -> object:
        return self.tensor.__dlpack__()


class GraphTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # Without an output, the plan has no file any more when it is used.
        cls.plan = cadenza.compile(ROOT / "test/python/doubled.mlir", target=TARGET, **DEVICE)

    def setUp(self) -> None:
        self.x = array.array("f", [1, 2, 3, 4, 5, 6])
        self.b = cadenza.Tensor("bf16", [4], bytes.fromhex("803f 0040 40c0 0000"))  # 1, 2, -3, 0

    def shaped(self) -> cadenza.Tensor:
        return cadenza.Tensor("f32", (2, 3), self.x)

    def test_tensors(self) -> None:
        outputs = self.plan.run({"x": self.shaped(), "b": self.b})
        self.assertEqual(repr(outputs["y"]), "cadenza.Tensor(f32 [2, 3])")
        self.assertEqual(list(outputs["y"].data.cast("f")), [2, 4, 6, 8, 10, 12])
        self.assertEqual(outputs["c"].data.hex(), "00408040c0c00000")
        self.assertEqual(self.plan.info["entries"][0]["inputs"][1], {"name": "b", "type": "bf16", "shape": [4]})

    def test_dlpack_of_other_packages(self) -> None:
        before = len(cadenza._dlpack._exported)
        outputs = self.plan.run({"x": Foreign(self.shaped()), "b": Foreign(self.b)})
        self.assertEqual(list(outputs["y"].data.cast("f")), [2, 4, 6, 8, 10, 12])
        self.assertEqual(outputs["c"].data.hex(), "00408040c0c00000")
        outputs["y"].__dlpack__()  # that nobody takes
        self.assertEqual(len(cadenza._dlpack._exported), before)
        with self.assertRaisesRegex(TypeError, "CPU"):
            self.plan.run({"x": Foreign(self.shaped(), device=2), "b": self.b})

    def test_errors(self) -> None:
        with self.assertRaisesRegex(cadenza.InvalidArgument, 'input "b" is missing'):
            self.plan.run({"x": self.shaped()})
        with self.assertRaisesRegex(cadenza.InvalidArgument, "shape"):
            self.plan.run({"x": self.x, "b": self.b})
        with self.assertRaisesRegex(cadenza.InvalidArgument, "walk"):
            self.plan.run({"x": self.shaped(), "b": self.b}, entry="walk")
        with self.assertRaisesRegex(cadenza.InvalidArgument, "bytes"):
            self.plan.run({"x": cadenza.Tensor("f32", (2, 3), b"1234"), "b": self.b})
        with self.assertRaises(cadenza.InvalidArgument):
            self.plan.generate([1]).result()
        with self.assertRaises(cadenza.InvalidArgument):
            self.plan.logits([1])

    @needs_numpy
    def test_arrays(self) -> None:
        x = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
        for given in (x, x.astype("f8"), x.astype("f2"), x.T.copy().T, numpy.flip(-x, 1)[:, ::-1] * -1, x.tolist()):
            outputs = self.plan.run({"x": given, "b": numpy.array([1, 2, 3, 4], "f4")})
            numpy.testing.assert_array_equal(outputs["y"], 2 * x)
            numpy.testing.assert_array_equal(outputs["c"], [2, 4, 6, 8])
        y = outputs["y"].numpy()
        taken = numpy.from_dlpack(outputs["y"])
        del outputs  # what was taken keeps the memory
        numpy.testing.assert_array_equal(y, 2 * x)
        numpy.testing.assert_array_equal(taken, 2 * x)
        x.setflags(write=False)
        numpy.testing.assert_array_equal(self.plan.run({"x": x, "b": self.b})["y"], 2 * x)
        numpy.testing.assert_array_equal(self.plan.run({"x": Foreign(x.copy().T.copy().T), "b": self.b})["y"], 2 * x)
        with self.assertRaises(TypeError):
            self.plan.run({"x": "text", "b": self.b})
        with self.assertRaises(TypeError):
            self.plan.run({"x": x.astype(complex), "b": self.b})
        with self.assertRaisesRegex(cadenza.InvalidArgument, 'input "x"'):
            self.plan.run({"x": x.astype("i8"), "b": self.b})


if __name__ == "__main__":
    unittest.main()
