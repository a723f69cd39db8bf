"""The loader: what kubectl reads, what it refuses and we refuse, and the bounds that no file gets past."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.render.yaml import Document, YamlError, YamlLimits, dump, load_all, load_first


def read(text: str) -> object:
    return load_first(text.encode(), file="f.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("a: y\nb: No\nc: on\nd: 'y'", {"a": True, "b": False, "c": True, "d": "y"}, id="booleans"),
        pytest.param("a: 1e3\nb: 1.0\nc: 1.5\nd: 1e30", {"a": 1000, "b": 1, "c": 1.5, "d": 1e30}, id="floats"),
        pytest.param("a: 0755\nb: 0o17\nc: 08\nd: 1_000", {"a": 493, "b": 15, "c": 8, "d": 1000}, id="integers"),
        pytest.param("a: 12:30\nb: 2020-01-01\nc: =", {"a": "12:30", "b": "2020-01-01", "c": "="}, id="strings"),
        pytest.param("on: 1\n2: b\n1.50: c\n1e6: d", {"true": 1, "2": "b", "1.5": "c", "1e+06": "d"}, id="keys"),
        pytest.param("a: &x 1\nb: *x\nc: &x 2\nd: *x", {"a": 1, "b": 1, "c": 2, "d": 2}, id="anchor twice"),
        pytest.param(
            "a: &m {x: 1, z: 2}\nb: {<<: *m, x: 3}", {"a": {"x": 1, "z": 2}, "b": {"x": 3, "z": 2}}, id="merge"
        ),
        pytest.param("a: &m {x: 1}\nb: {<<: [*m, {x: 2, w: 3}]}", {"a": {"x": 1}, "b": {"x": 1, "w": 3}}, id="merges"),
        pytest.param("a: !Ref b\nc: ! 1\nd: !!set {e: f}", {"a": "b", "c": "1", "d": {"e": "f"}}, id="tags"),
        pytest.param("\ufeffa: 1\r\nb: |\r\n  x\r\n", {"a": 1, "b": "x\n"}, id="byte order mark and CRLF"),
        pytest.param("? a\n: b\n", {"a": "b"}, id="explicit key"),
    ],
)
def test_reads_what_kubectl_reads(text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is given twice"),
        ("a: &m {x: 1}\nb:\n  <<: *m\n  x: 1\n  x: 2\n", 5, "'x' is given twice"),
        ("1: a\n'1': b\n", 2, "'1' is given twice"),
        ("a:\n\tb: 1\n", 2, "cannot start any token"),
        ("a: {{ .Values.x }}\n", 1, "template"),
        ("~: x\n", 1, "null cannot be a key"),
        ("a: .inf\n", 1, "no JSON value"),
        ("a: !!int x\n", 1, "is no !!int"),
        ("a: *x\n", 1, "no anchor before it"),
        ("a: &a\n  b: *a\n", 2, "contains itself"),
        ("a:\n  <<: 1\n", 2, "value of <<"),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        ("a: 1\nb: 'c", 2, "quoted scalar"),
    ],
)
def test_errors_name_file_and_line(text: str, line: int, says: str) -> None:
    with pytest.raises(YamlError, match=says) as caught:
        read(text)
    assert (caught.value.file, caught.value.line) == ("f.yaml", line)


def test_invalid_utf8_names_its_line() -> None:
    with pytest.raises(YamlError) as caught:
        load_all(b"a: 1\nb: \xff\n", file="f.yaml")
    assert caught.value.line == 2


def test_each_document_has_its_line() -> None:
    text = b"# head\na: 1\n---\n# nothing\n---\n\nb: 2\n--- \nc\n"
    assert load_all(text, file="f.yaml") == [
        Document({"a": 1}, 2), Document(None, 5), Document({"b": 2}, 7), Document("c", 9),
    ]  # fmt: skip


def test_an_anchor_ends_with_its_document() -> None:
    with pytest.raises(YamlError, match="no anchor"):
        load_all(b"a: &x 1\n---\nb: *x\n", file="f.yaml")


class TestBounds:
    def test_a_bomb_of_aliases_is_refused(self) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
        with pytest.raises(YamlError, match="aliases expand"):
            read("\n".join(lines))

    def test_common_use_of_aliases_is_not(self) -> None:
        text = "base: &b {a: 1, c: [1, 2]}\nuses:\n" + "- *b\n" * 500
        assert len(read(text)["uses"]) == 500  # type: ignore[index]

    @pytest.mark.parametrize("text", ["[" * 5000, "a: " + "{a: " * 5000, "- " * 5000 + "x", "[" * 5000 + "]" * 5000])
    def test_depth(self, text: str) -> None:
        with pytest.raises(YamlError, match="nested deeper|while parsing"):
            read(text)

    def test_depth_through_aliases(self) -> None:
        lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 300)]
        with pytest.raises(YamlError, match="nested deeper than 200"):
            read("\n".join(lines))

    def test_what_passes_can_be_written(self) -> None:
        assert orjson.dumps(read("[" * 200 + "]" * 200))

    def test_size_nodes_documents(self) -> None:
        with pytest.raises(YamlError, match="bytes"):
            load_all(b"a: 1", file="f", limits=YamlLimits(bytes=3))
        with pytest.raises(YamlError, match="more than 3 nodes"):
            load_all(b"[1, 2, 3]", file="f", limits=YamlLimits(nodes=3))
        with pytest.raises(YamlError, match="more than 1 documents"):
            load_all(b"a\n---\nb", file="f", limits=YamlLimits(documents=1))


class TestJson:
    def test_several_values_with_lines(self) -> None:
        assert load_all(b'{"a": 1.0}\n\n{"b": "\\ud83d\\ude00\\/"}', file="f.json") == [
            Document({"a": 1}, 1), Document({"b": "😀/"}, 3),
        ]  # fmt: skip

    def test_flow_yaml_that_is_no_json(self) -> None:
        assert read("{a: b, c: [1]}") == {"a": "b", "c": [1]}
        assert load_all(b"{a: b}\n", file="f.yaml")[0].value == {"a": "b"}

    def test_lone_surrogates_become_replacement_characters(self) -> None:
        value = load_all(b'{"a\\ud800": ["\\udfff", 1]}', file="f.json")[0].value
        assert value == {"a\ufffd": ["\ufffd", 1]}

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (b'{"a": 1, "a": 2}', "given twice"),
            (b'{"a": NaN}', "no JSON value"),
            (b'{"a": 1e999}', "out of range"),
            (b'{"a": ]', "Expecting value"),
            (b"[" * 100000, "nested deeper"),
            (b"[" * 300 + b"]" * 300, "nested deeper"),
        ],
    )
    def test_errors(self, text: bytes, says: str) -> None:
        with pytest.raises(YamlError, match=says) as caught:
            load_all(text, file="f.json")
        assert caught.value.line == 1


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda f: not f.is_integer())
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(
        ["y", "no", "1e3", "0755", "1:30", "2020-01-01", "=", "<<", "~", "null", ".inf", "- a", "a: b", "#"]
    ),
    lambda children: st.lists(children) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), children),
    max_leaves=20,
)


@given(json_values)
def test_what_is_dumped_is_read_back(value: object) -> None:
    assert load_first(dump(value).encode(), file="f") == value


@given(json_values)
def test_json_text_gives_its_value(value: object) -> None:
    assert [document.value for document in load_all(orjson.dumps([value]), file="f")] == [[value]]


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        load_all(data, file="f")
    except YamlError:
        pass
